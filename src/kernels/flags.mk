# The flags of each instruction-set level's file, for every makefile that compiles the core: a rule adds
# $(isa_flags_$(*F)). Expects CXX. On other CPUs these files are empty and need no flags.
# What goes to disk has the same bits on every level: -ffp-contract=off, nothing is fused unless it says so.
isa_flags_scalar   := -ffp-contract=off
isa_flags_codec    := -ffp-contract=off
isa_flags_rotation := -ffp-contract=off
isa_flags_rabitq   := -ffp-contract=off
isa_flags_encode   := -ffp-contract=off
isa_flags_codebook := -ffp-contract=off
isa_flags_learn    := -ffp-contract=off
isa_flags_isa_neon := -ffp-contract=off
ifneq ($(filter x86_64-%,$(shell $(CXX) -dumpmachine)),)
isa_flags_isa_x86_v2        := -ffp-contract=off -march=x86-64-v2
isa_flags_isa_avx2          := -ffp-contract=off -march=x86-64-v3
isa_flags_isa_avx512        := -ffp-contract=off -march=x86-64-v4
isa_flags_isa_avx512_vnni   := -ffp-contract=off -march=x86-64-v4 -mavx512vnni
isa_flags_isa_avx512_popcnt := -ffp-contract=off -march=x86-64-v4 -mavx512vpopcntdq
isa_flags_isa_avx512_vbmi   := -ffp-contract=off -march=x86-64-v4 -mavx512ifma -mavx512vbmi -mavx512vnni
endif
