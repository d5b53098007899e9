// Pages. See page.hpp.
#include "ivf/page.hpp"

#include <cstring>

#include "ivf/shape.hpp"

#include "base/core_only.hpp"

namespace vecx::ivf {

const char *const kGone = "page is in another life";

bool page_is_new(const PageView &page) {
    PageHead zero{};
    return memcmp(page.body, &zero, sizeof zero) == 0;
}

namespace {
bool head_is_sound(const PageHead &head, uint32_t size) {
    return head.magic == kMagic && head.version == kVersion && head.kind >= static_cast<uint16_t>(PageKind::vector) &&
           head.kind <= static_cast<uint16_t>(PageKind::codebook) &&
           (head.low == 0 || (head.low >= sizeof(PageHead) && head.low <= size));
}
} // namespace

uint32_t page_low(const uint8_t *body, uint32_t size) {
    PageHead head;
    memcpy(&head, body, sizeof head);
    if (head.magic == 0 && page_is_new(PageView{body, size, 0}))
        return 0;
    if (head.magic == kMagic && head.kind == static_cast<uint16_t>(PageKind::meta))
        return sizeof(MetaPage);
    return head_is_sound(head, size) && head.low != 0 ? head.low : size;
}

uint32_t page_high(const uint8_t *, uint32_t size) { return size; }

const char *page_fault(const PageView &page) {
    if (page_is_new(page))
        return nullptr;
    const PageHead *head = page_head(page);
    if (head->magic != kMagic)
        return "wrong magic number";
    if (head->version != kVersion)
        return "unknown page version";
    if (!head_is_sound(*head, page.size))
        return "damaged page head";
    if (head->life == 0)
        return "page without a life";
    return nullptr;
}

const char *live_fault(const PageView &page, PageKind kind, Link link) {
    if (page_is_new(page))
        return kGone;
    if (const char *fault = page_fault(page))
        return fault;
    const PageHead *head = page_head(page);
    if (head->life != link.life || head->kind == static_cast<uint16_t>(PageKind::freed))
        return kGone;
    if (head->kind != static_cast<uint16_t>(kind))
        return "page of another kind";
    return nullptr;
}

const char *chain_fault(const PageView &page, PageKind kind, Link link, uint32_t list) {
    if (const char *fault = live_fault(page, kind, link))
        return fault;
    const PageHead *head = page_head(page);
    if (head->list != list)
        return "page of another chain";
    if (head->low < sizeof(PageHead))
        return "page without a length";
    return nullptr;
}

namespace {
// The pages that rows [0, count) have their records in.
const char *cold_fault(const uint8_t *links, uint32_t skip, uint32_t pages, uint32_t count, uint32_t per_page, uint32_t most) {
    if (per_page == 0)
        return pages == 0 && skip == 0 ? nullptr : "pages of codes where there are none";
    if (skip >= per_page || pages > most || skip + count > pages * per_page)
        return "pages of codes do not go with the rows";
    for (uint32_t i = 0; i < pages; ++i)
        if (reinterpret_cast<const Link *>(links)[i].none())
            return "page of codes is missing";
    return nullptr;
}
} // namespace

const char *postings_fault(const PageView &page, const Shape &shape, Link link, uint32_t list, const PostingsHead **out) {
    if (const char *fault = live_fault(page, PageKind::postings, link))
        return fault;
    const PostingsHead *head = reinterpret_cast<const PostingsHead *>(page.body);
    if (head->page.list != list)
        return "page of another list";
    if (head->page.low != 0)
        return "page of rows with a length";
    if (head->count > shape.page_rows || head->dead > head->count)
        return "number of rows out of range";
    if (const char *fault = cold_fault(page.body + shape.codes_offset(), head->codes_skip, head->codes_count, head->count,
                                        shape.codes_rows, shape.codes_pages))
        return fault;
    if (const char *fault = cold_fault(page.body + shape.vectors_offset(), head->vectors_skip, head->vectors_count,
                                        head->count, shape.vectors_rows, shape.vectors_pages))
        return fault;
    // Powers of two, or 0 before the first row.
    auto sound_scale = [](float x) { return x >= 0 && x <= 0x1p127f; };
    if (!sound_scale(head->add_scale) || !sound_scale(head->mul_scale))
        return "scale of factors out of range";
    *out = head;
    return nullptr;
}

const char *cold_page_fault(const PageView &page, PageKind kind, Link link, uint32_t list) {
    if (const char *fault = live_fault(page, kind, link))
        return fault;
    if (page_head(page)->list != list)
        return "page of another list";
    return nullptr;
}

Status fault_status(uint32_t block, const char *fault) {
    if (fault == kGone) {
        Status s = Status::make(Code::conflict, "canceling statement due to conflict with recovery");
        return s.with_detail("Block %u of the index was used anew while the scan was on its way to it.", block);
    }
    return Status::corrupt(block, "%s", fault);
}

void renew_page(MutablePage &page, PageKind kind, uint32_t list, uint32_t born) {
    const uint32_t life = page_head(page)->life + 1;
    memset(page.body, 0, page.size);
    PageHead *head = page_head(page);
    head->magic = kMagic;
    head->version = kVersion;
    head->kind = static_cast<uint16_t>(kind);
    head->life = life == 0 ? 1 : life;
    head->born = born;
    head->list = list;
    head->low = kind == PageKind::postings ? 0 : sizeof(PageHead);
}

} // namespace vecx::ivf
