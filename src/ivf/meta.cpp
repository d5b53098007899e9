// The metapage. See meta.hpp.
#include "ivf/meta.hpp"

#include <cstring>

#include "base/core_only.hpp"

namespace vecx::ivf {

void init_meta(MutablePage &page, const MetaRecord &record) {
    MetaPage *meta = reinterpret_cast<MetaPage *>(page.body);
    meta->magic = kMagic;
    meta->version = kVersion;
    meta->kind = static_cast<uint16_t>(PageKind::meta);
    meta->record = record;
}

const char *meta_fault(const PageView &page, MetaRecord *out, Shape *shape) {
    const MetaPage *meta = reinterpret_cast<const MetaPage *>(page.body);
    if (page.size < sizeof(MetaPage) || meta->magic != kMagic)
        return "wrong magic number";
    if (meta->version != kVersion)
        return "unknown page version";
    if (meta->kind != static_cast<uint16_t>(PageKind::meta))
        return "not a metapage";
    const MetaRecord &record = meta->record;
    if (record.lists < kMinLists || record.lists > kMaxLists || record.branches < 1 || record.branches > record.lists)
        return "number of lists out of range";
    if (record.root.none())
        return "index without a directory";
    if (!(record.auto_recall >= 0 && record.auto_recall <= 1) || !(record.built_spread2 >= 0))
        return "statistics out of range";
    if (const char *fault = shape_from_meta(record, page.size, shape))
        return fault;
    if (shape->learnt() == record.codebook.none())
        return "codebook of no use, or none where one is needed";
    *out = record;
    return nullptr;
}

} // namespace vecx::ivf
