// AArch64: Advanced SIMD, which every such CPU has, with its conversions of binary16. Included by simd.hpp.
#pragma once

namespace vecx::kernels {
namespace {

struct Neon {
    using Xsimd = xsimd::neon64;
    using Ints = uint8x16_t;
    static constexpr size_t kFloats = 4;
    static constexpr size_t kBytes = 16;
    static constexpr bool kMaskedLoads = false;

    static Ints zero() { return vdupq_n_u8(0); }
    static Ints load_ints(const void *p) { return vld1q_u8(static_cast<const uint8_t *>(p)); }
    static Words<Neon> load_words(const void *p) { return Words<Neon>(vreinterpretq_u32_u8(load_ints(p))); }
    static Ints add_i32(Ints x, Ints y) {
        return vreinterpretq_u8_u32(vaddq_u32(vreinterpretq_u32_u8(x), vreinterpretq_u32_u8(y)));
    }
    static Ints add_i64(Ints x, Ints y) {
        return vreinterpretq_u8_u64(vaddq_u64(vreinterpretq_u64_u8(x), vreinterpretq_u64_u8(y)));
    }
    static Ints keep_last_bytes(Ints x, size_t r) { return vandq_u8(x, load_ints(keep_mask(16, r))); }

    static Floats<Neon> widen_f16(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
    static void narrow_f16(const float *in, uint16_t *out) {
        vst1_u16(out, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(in))));
    }
    static Floats<Neon> widen_i8_f32(const int8_t *p) {
        uint32_t x;
        memcpy(&x, p, sizeof x);
        return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(x)))));
    }
    static Words<Neon> widen_words(const uint16_t *p) { return Words<Neon>(vmovl_u16(vld1_u16(p))); }
    static void narrow_words(Words<Neon> x, Words<Neon> y, uint16_t *out) {
        vst1q_u16(out, vcombine_u16(vmovn_u32(x), vmovn_u32(y)));
    }

    template <class A>
    using DotLoads = AsBytes<A>;
    template <class A>
    using SquareLoads = AsBytes<A>;
    static Ints dot_i8(Ints sum, Ints x, Ints y) {
        int8x16_t a = vreinterpretq_s8_u8(x), b = vreinterpretq_s8_u8(y);
        int32x4_t s = vreinterpretq_s32_u8(sum);
        s = vpadalq_s16(s, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
        s = vpadalq_s16(s, vmull_high_s8(a, b));
        return vreinterpretq_u8_s32(s);
    }
    static Ints l2sq_i8(Ints sum, Ints x, Ints y) {
        // |x - y| fits 8 unsigned bits and its square 16.
        uint8x16_t d = vreinterpretq_u8_s8(vabdq_s8(vreinterpretq_s8_u8(x), vreinterpretq_s8_u8(y)));
        uint32x4_t s = vreinterpretq_u32_u8(sum);
        s = vpadalq_u16(s, vmull_u8(vget_low_u8(d), vget_low_u8(d)));
        s = vpadalq_u16(s, vmull_high_u8(d, d));
        return vreinterpretq_u8_u32(s);
    }
    static Ints l1_i8(Ints sum, Ints x, Ints y) {
        uint8x16_t d = vreinterpretq_u8_s8(vabdq_s8(vreinterpretq_s8_u8(x), vreinterpretq_s8_u8(y)));
        return vreinterpretq_u8_u64(vpadalq_u32(vreinterpretq_u64_u8(sum), vpaddlq_u16(vpaddlq_u8(d))));
    }
    template <int kStride>
    static float32x4_t butterfly(float32x4_t x) {
        float32x4_t y = kStride == 1 ? vrev64q_f32(x) : vextq_f32(x, x, 2);
        constexpr uint32_t first = kStride == 1 ? ~0u : 0;
        const uint32x4_t upper = {0, first, ~first, ~0u};
        return vbslq_f32(upper, vsubq_f32(y, x), vaddq_f32(x, y));
    }
    static float32x4_t sign_bits(uint64_t bits) {
        const int32x4_t shifts = {31, 30, 29, 28};
        uint32x4_t shifted = vshlq_u32(vdupq_n_u32(static_cast<uint32_t>(bits)), shifts);
        return vreinterpretq_f32_u32(vandq_u32(shifted, vdupq_n_u32(0x80000000u)));
    }
    static uint64_t positive_bits(float32x4_t x) {
        const uint32x4_t places = {1, 2, 4, 8};
        return vaddvq_u32(vandq_u32(vcgtzq_f32(x), places));
    }
    static void narrow_i8(float32x4_t x, int8_t *out) {
        int16x4_t halves = vqmovn_s32(vcvtnq_s32_f32(x));
        int8x8_t bytes = vqmovn_s16(vcombine_s16(halves, halves));
        uint32_t four = vget_lane_u32(vreinterpret_u32_s8(bytes), 0);
        memcpy(out, &four, sizeof four);
    }
    static float largest_f32(float32x4_t x) { return vmaxvq_f32(x); }
    // `weight` where a bit is set, for 16 bits.
    static Ints expand_bits(const uint8_t *p, char weight) {
        const uint8x8_t each = vcreate_u8(0x8040201008040201u);
        const uint8x16_t both = vcombine_u8(each, each);
        const uint8x16_t spread = vcombine_u8(vdup_n_u8(p[0]), vdup_n_u8(p[1]));
        return vandq_u8(vtstq_u8(spread, both), vdupq_n_u8(static_cast<uint8_t>(weight)));
    }
    static Ints add_i8(Ints x, Ints y) { return vaddq_u8(x, y); }
    // Adds the products of numbers from 0 to 127 and bytes from -127 to 127.
    static Ints dot_numbers(Ints sum, Ints numbers, Ints x) {
        const int8x16_t a = vreinterpretq_s8_u8(numbers), b = vreinterpretq_s8_u8(x);
        int32x4_t total = vpadalq_s16(vreinterpretq_s32_u8(sum), vmull_s8(vget_low_s8(a), vget_low_s8(b)));
        total = vpadalq_s16(total, vmull_high_s8(a, b));
        return vreinterpretq_u8_s32(total);
    }

    static Ints pick_bytes(Ints x, Ints index) { return vqtbl1q_u8(x, index); }
    static Ints low_halves(Ints x) { return vandq_u8(x, vdupq_n_u8(15)); } // as Sse4 has these
    static Ints high_halves(Ints x) { return vshrq_n_u8(x, 4); }
    static Ints odd_bytes(Ints x) { return vreinterpretq_u8_u16(vshrq_n_u16(vreinterpretq_u16_u8(x), 8)); }
    static Ints add_i16(Ints x, Ints y) {
        return vreinterpretq_u8_u16(vaddq_u16(vreinterpretq_u16_u8(x), vreinterpretq_u16_u8(y)));
    }
    static uint16x8_t fold_i16(Ints x) { return vreinterpretq_u16_u8(x); }
    static void put_sums(uint16x8_t all, uint16x8_t odd, uint32_t *out) {
        const uint16x8_t even = vsubq_u16(all, vshlq_n_u16(odd, 8));
        const uint16x8_t first = vzip1q_u16(even, odd), last = vzip2q_u16(even, odd);
        vst1q_u32(out, vaddw_u16(vld1q_u32(out), vget_low_u16(first)));
        vst1q_u32(out + 4, vaddw_high_u16(vld1q_u32(out + 4), first));
        vst1q_u32(out + 8, vaddw_u16(vld1q_u32(out + 8), vget_low_u16(last)));
        vst1q_u32(out + 12, vaddw_high_u16(vld1q_u32(out + 12), last));
    }

    using SweepArch = void; // the portable one

    // Lanes i and i + 2 first, as the other archs.
    static float sum_halves(float32x4_t x) {
        float32x2_t halves = vadd_f32(vget_low_f32(x), vget_high_f32(x));
        return vget_lane_f32(halves, 0) + vget_lane_f32(halves, 1);
    }
    static float sum_f32(float32x4_t x) { return vaddvq_f32(x); }
    static int32_t sum_i32(Ints x) { return vaddvq_s32(vreinterpretq_s32_u8(x)); }
    static uint64_t sum_u64(Ints x) { return vaddvq_u64(vreinterpretq_u64_u8(x)); }

    using Bits = uint8x16_t;
    static constexpr size_t kBitBytes = 16;
    static Bits zero_bits() { return zero(); }
    static Bits load_bits(const uint8_t *p) { return load_ints(p); }
    static Bits both(Bits x, Bits y) { return vandq_u8(x, y); }
    static Bits differ(Bits x, Bits y) { return veorq_u8(x, y); }
    static Bits count_bits(Bits sum, Bits x) {
        return vreinterpretq_u8_u64(vpadalq_u32(vreinterpretq_u64_u8(sum), vpaddlq_u16(vpaddlq_u8(vcntq_u8(x)))));
    }
    static Bits add_bits(Bits x, Bits y) { return add_i64(x, y); }
    static uint64_t sum_bits(Bits x) { return sum_u64(x); }
};

inline Floats<Neon> fused(Floats<Neon> x, Floats<Neon> y, Floats<Neon> z) { return vfmaq_f32(z, x, y); }

} // namespace
} // namespace vecx::kernels
