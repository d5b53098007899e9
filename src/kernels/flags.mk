# The flags of each instruction-set level's file, for every makefile that compiles the core: a rule adds
# $(isa_flags_$(*F)). Expects CXX. On other CPUs these files are empty and need no flags.
ifneq ($(filter x86_64-%,$(shell $(CXX) -dumpmachine)),)
isa_flags_isa_x86_v2        := -march=x86-64-v2
isa_flags_isa_avx2          := -march=x86-64-v3
isa_flags_isa_avx512        := -march=x86-64-v4
isa_flags_isa_avx512_vnni   := -march=x86-64-v4 -mavx512vnni
isa_flags_isa_avx512_popcnt := -march=x86-64-v4 -mavx512vpopcntdq
isa_flags_isa_avx512_vbmi   := -march=x86-64-v4 -mavx512vbmi -mavx512vnni
endif
