/* Kinds of A64 instructions, told from their 32 bits alone. Arm Architecture Reference Manual (DDI 0487), C4.1. */

#ifndef INSTRUCTION_H
#define INSTRUCTION_H

#include <stdint.h>

/* Bits of a kind: an instruction may be of none of these, or of two. */
enum {
    LOAD_STORE = 1,  /* touches memory */
    SIMD = 2,        /* computes in Advanced SIMD and floating-point registers */
    DOT = 4,         /* of these, SDOT and UDOT: sixteen products of bytes, added up four by four */
};

/* Return the kinds of an instruction. */
unsigned kinds_of(uint32_t instruction);

#endif
