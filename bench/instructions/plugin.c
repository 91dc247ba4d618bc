/* A plugin of QEMU's that counts what a program under emulation executes, between marks which the program sets.
 *
 * A mark is getpgid(MARK + k), a system call that fails and that nobody makes for another reason. k = 0 begins a
 * region. k > 0 ends it, writes a line "count k TOTAL LOAD_STORE SIMD DOT" to the file descriptor of stderr, and
 * begins the next one.
 *
 * QEMU translates a program a block at a time: straight code, in at one end and out at the other. The kinds in a block
 * are counted when it is translated; when it is executed, those numbers are added up. Threads would count into the same
 * place: measure programs of one thread.
 *
 * The interface is declared here, as docs/devel/tcg-plugins of QEMU 7.2 describes it, since Debian packages no header
 * for it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "instruction.h"

#define EXPORT __attribute__((visibility("default")))
#define MARK 0x5eed0000u
#define GETPGID 155 /* number of the system call on aarch64 */

typedef uint64_t plugin_id;
struct block;
struct instruction;
typedef void on_translation(plugin_id, struct block *);
typedef void on_call(plugin_id, unsigned vcpu, int64_t number, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                     uint64_t, uint64_t, uint64_t);
enum { ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, on_translation *);
void qemu_plugin_register_vcpu_tb_exec_inline(struct block *, int operation, void *to, uint64_t value);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id, on_call *);
size_t qemu_plugin_tb_n_insns(const struct block *);
struct instruction *qemu_plugin_tb_get_insn(const struct block *, size_t index);
const void *qemu_plugin_insn_data(const struct instruction *);

enum { ALL, LOADS_STORES, SIMDS, DOTS, COUNTERS };
static uint64_t counted[COUNTERS]; /* since the program began */
static uint64_t before[COUNTERS];  /* when the region began */

static void count_block(plugin_id id, struct block *block) {
    uint64_t found[COUNTERS] = {0};
    (void)id;

    found[ALL] = qemu_plugin_tb_n_insns(block);
    for (size_t index = 0; index < found[ALL]; index++) {
        uint32_t word;
        memcpy(&word, qemu_plugin_insn_data(qemu_plugin_tb_get_insn(block, index)), sizeof word);
        unsigned kinds = kinds_of(word);
        found[LOADS_STORES] += (kinds & LOAD_STORE) != 0;
        found[SIMDS] += (kinds & SIMD) != 0;
        found[DOTS] += (kinds & DOT) != 0;
    }
    for (int counter = 0; counter < COUNTERS; counter++) {
        if (found[counter]) {
            qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, &counted[counter], found[counter]);
        }
    }
}

static void end_region(unsigned region) {
    uint64_t difference[COUNTERS];
    for (int counter = 0; counter < COUNTERS; counter++) {
        difference[counter] = counted[counter] - before[counter];
    }
    dprintf(STDERR_FILENO, "count %u %llu %llu %llu %llu\n", region, (unsigned long long)difference[ALL],
            (unsigned long long)difference[LOADS_STORES], (unsigned long long)difference[SIMDS],
            (unsigned long long)difference[DOTS]);
}

static void on_mark(plugin_id id, unsigned vcpu, int64_t number, uint64_t argument, uint64_t b, uint64_t c, uint64_t d,
                    uint64_t e, uint64_t f, uint64_t g, uint64_t h) {
    (void)id, (void)vcpu, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if (number != GETPGID || (argument & 0xffff0000u) != MARK) {
        return;
    }
    if (argument != MARK) {
        end_region((unsigned)(argument - MARK));
    }
    memcpy(before, counted, sizeof before);
}

EXPORT int qemu_plugin_version = 1;

EXPORT int qemu_plugin_install(plugin_id id, const void *about, int count, char **options) {
    (void)about, (void)count, (void)options;
    qemu_plugin_register_vcpu_tb_trans_cb(id, count_block);
    qemu_plugin_register_vcpu_syscall_cb(id, on_mark);
    return 0;
}
