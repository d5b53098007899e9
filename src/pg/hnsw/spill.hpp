// Items of one size in a temporary file: written one after the other by one process, then read by number. In a
// set of files shared with other processes, or alone.
#pragma once

#include "base/status.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include "storage/buffile.h"
}

namespace vecx::pg {

class SpillFile {
  public:
    // Nothing happens before the first item. `set` may be null.
    SpillFile(FileSet *set, const char *name, uint32_t size) : set_(set), size_(size) { strlcpy(name_, name, sizeof name_); }

    uint32_t append(const uint8_t *item) {
        if (file_ == nullptr)
            file_ = set_ != nullptr ? BufFileCreateFileSet(set_, name_) : BufFileCreateTemp(false);
        BufFileWrite(file_, const_cast<uint8_t *>(item), size_);
        return count_++;
    }
    uint32_t count() const { return count_; }

    // After the last item: others may open the file.
    void publish() {
        if (file_ != nullptr && set_ != nullptr)
            BufFileExportFileSet(file_);
    }

    // A file of `count` items that another process has published.
    void open(uint32_t count) {
        count_ = count;
        if (count > 0 && file_ == nullptr)
            file_ = BufFileOpenFileSet(set_, name_, O_RDONLY, false);
    }

    Status read(uint32_t number, uint8_t *out) {
        constexpr uint64_t kSegment = uint64_t{1} << 30; // of a BufFile
        const uint64_t offset = static_cast<uint64_t>(number) * size_;
        if (number >= count_ ||
            BufFileSeek(file_, static_cast<int>(offset / kSegment), static_cast<off_t>(offset % kSegment), SEEK_SET) != 0 ||
            BufFileRead(file_, out, size_) != size_)
            return Status::make(Code::internal, "temporary file of an index build is too short");
        return {};
    }

    void close() {
        if (file_ != nullptr)
            BufFileClose(file_);
        file_ = nullptr;
    }

  private:
    FileSet *set_;
    BufFile *file_ = nullptr;
    uint32_t size_;
    uint32_t count_ = 0;
    char name_[32];
};

} // namespace vecx::pg
