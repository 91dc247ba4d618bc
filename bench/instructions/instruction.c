/* Kinds of A64 instructions, told from their 32 bits alone. */

#include "instruction.h"

unsigned kinds_of(uint32_t instruction) {
    /* Bits 28..25, "op0", divide the instruction set into groups. */
    uint32_t group = (instruction >> 25) & 0xf;
    unsigned kinds = 0;

    if ((group & 0x5) == 0x4) {  /* x1x0: loads and stores, those of SIMD registers among them */
        kinds |= LOAD_STORE;
    }
    if ((group & 0x7) == 0x7) {  /* x111: data processing, scalar floating point and Advanced SIMD */
        kinds |= SIMD;
    }
    /* SDOT, UDOT (vector): 0 Q U 01110 10 0 Rm 100101 Rn Rd; size is 10, as for all that is not reserved. */
    if ((instruction & 0x9fe0fc00) == 0x0e809400) {
        kinds |= DOT;
    }
    /* SDOT, UDOT (by element): 0 Q U 01111 10 L M Rm 1110 H 0 Rn Rd. */
    if ((instruction & 0x9fc0f400) == 0x0f80e000) {
        kinds |= DOT;
    }
    return kinds;
}
