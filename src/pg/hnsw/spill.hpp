// Items of one size in a temporary file: written one after the other, read in any order.
#pragma once

#include "base/status.hpp"
#include "pg/postgres.hpp"

extern "C" {
#include "storage/buffile.h"
}

namespace vecx::pg {

class SpillFile {
  public:
    explicit SpillFile(uint32_t size) : file_(BufFileCreateTemp(false)), size_(size) {}

    uint32_t append(const uint8_t *item) {
        BufFileWrite(file_, const_cast<uint8_t *>(item), size_);
        return count_++;
    }

    Status read(uint8_t, uint32_t number, uint8_t *out) {
        off_t offset = static_cast<off_t>(number) * static_cast<off_t>(size_);
        constexpr off_t kSegment = off_t{1} << 30; // of a BufFile
        if (BufFileSeek(file_, static_cast<int>(offset / kSegment), offset % kSegment, SEEK_SET) != 0 ||
            BufFileRead(file_, out, size_) != size_)
            return Status::make(Code::internal, "temporary file of an index build is too short");
        return {};
    }

    void close() { BufFileClose(file_); }

  private:
    BufFile *file_;
    uint32_t size_;
    uint32_t count_ = 0;
};

} // namespace vecx::pg
