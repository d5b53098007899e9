#!/bin/sh
# check-isa.sh DIRECTORY: the objects of src/kernels in it keep the ODR rule (src/kernels/README.md).
# Prints what breaks it and fails. On CPUs other than x86-64 there is nothing to look at.
set -u
cd "$1" || exit 1
failed=0
complain() { echo "check-isa: $*"; failed=1; }

# A file that is compiled for a level defines its tables and nothing else that a linker can see: a weak
# symbol (an inline function of a library, say) might be the copy that every other file then calls.
for object in isa_*.o; do
    visible=$(nm -C --defined-only --extern-only "$object" | grep -v -E ' [DR] vecx::kernels::k[A-Za-z0-9]+$')
    [ -z "$visible" ] || complain "$object exports: $visible"
    initialisers=$(objdump -h "$object" | grep -E '\.(init_array|ctors)')
    [ -z "$initialisers" ] || complain "$object has static initialisers"
done

count() { objdump -d --no-show-raw-insn "$1" | grep -c -E "$2"; }

if objdump -f isa_avx2.o | grep -q x86-64; then
    # Each level has its registers, and no other.
    for object in dispatch.o scalar.o isa_x86_v2.o; do
        [ "$(count $object '%[yz]mm[0-9]|[[:space:]]v[a-z]')" -eq 0 ] || complain "$object has AVX instructions"
    done
    [ "$(count isa_avx2.o '%ymm')" -gt 0 ] || complain "isa_avx2.o has no AVX2 instructions"
    [ "$(count isa_avx2.o '%zmm|%k[0-7]')" -eq 0 ] || complain "isa_avx2.o has AVX-512 instructions"
    for object in isa_avx512.o isa_avx512_vnni.o isa_avx512_popcnt.o isa_avx512_vbmi.o; do
        [ "$(count $object '%zmm')" -gt 0 ] || complain "$object has no AVX-512 instructions"
    done
    [ "$(count isa_avx512.o 'vpdp|vpopcnt|vperm[it]2b')" -eq 0 ] || complain "isa_avx512.o goes beyond x86-64-v4"
    [ "$(count isa_avx512_vnni.o 'vpdpbusd')" -gt 0 ] || complain "isa_avx512_vnni.o does not use VNNI"
    [ "$(count isa_avx512_popcnt.o 'vpopcntq')" -gt 0 ] || complain "isa_avx512_popcnt.o does not use VPOPCNTDQ"
    [ "$(count isa_avx512_vbmi.o 'vperm[it]2b')" -gt 0 ] || complain "isa_avx512_vbmi.o does not use VBMI"
    # Explicit fused operations only: xsimd's own would need the compiler's leave (flags.mk).
    [ "$(count isa_avx2.o 'vfn?m(add|sub)')" -gt 0 ] || complain "isa_avx2.o has no fused operations"
    [ "$(count isa_avx512.o 'vfn?m(add|sub)')" -gt 0 ] || complain "isa_avx512.o has no fused operations"
    [ "$(count isa_avx512.o 'vfn?m(add|sub).*%zmm')" -gt 20 ] || complain "isa_avx512.o multiplies and adds apart"
fi
[ $failed -eq 0 ] && echo "check-isa: ok"
exit $failed
