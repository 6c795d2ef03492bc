/* SPDX-License-Identifier: Apache-2.0
 *
 * Soakbox markers for C and C++. There is nothing to link, and they cost next to nothing while
 * nobody records.
 *
 *     #include "soakbox.h"
 *     SOAKBOX_OPERATION(rule_refresh);            // once, at file scope; a shared header is fine
 *
 *     soakbox_begin(rule_refresh);
 *     ...
 *     soakbox_finish(rule_refresh, items, 1);     // a value of your choice, success 0 or 1
 *
 * Record it with
 *
 *     soakbox-recorder record --op rule_refresh=marker:./program:rule_refresh -o recording
 *
 * Begins and finishes are paired last in, first out, per operation and thread. An operation that
 * finishes on another thread needs a token, which is not 0 and is unique among the operations in
 * flight: soakbox_begin_token, soakbox_finish_token. In C++, a soakbox::operation fails when an
 * exception leaves its scope.
 *
 * Each marker is a pair of functions whose first instruction is a nop that a probe may replace: a
 * 1-byte nop, followed by a 5-byte nop (docs/markers.md has the reason for both). They must stay
 * functions, and must not be inlined: a caller keeps nothing below its stack pointer during a call,
 * so that a probe cannot change its locals.
 */
#ifndef SOAKBOX_H
#define SOAKBOX_H

#include <stdint.h>

#if defined(__linux__) && defined(__x86_64__) && !defined(__ILP32__)
#define SOAKBOX_SITE_ ".byte 0x90, 0x0f, 0x1f, 0x44, 0x00, 0x00"
#define SOAKBOX_BEGIN_ARGUMENTS_ "8@%rdi"
#define SOAKBOX_FINISH_ARGUMENTS_ "8@%rdi -8@%rsi -4@%edx"
#define SOAKBOX_MARKERS 1
#elif defined(__linux__) && defined(__aarch64__)
#define SOAKBOX_SITE_ "nop"
#define SOAKBOX_BEGIN_ARGUMENTS_ "8@x0"
#define SOAKBOX_FINISH_ARGUMENTS_ "8@x0 -8@x1 -4@x2"
#define SOAKBOX_MARKERS 1
#else
#define SOAKBOX_MARKERS 0
#endif

#ifdef __cplusplus
#define SOAKBOX_EXTERN_ extern "C"
#else
#define SOAKBOX_EXTERN_ extern
#endif

#if SOAKBOX_MARKERS
/* A function of nops and a return, and the note (stapsdt, version 3) that has its address. They are
 * in a section group, so that several files may declare the same operation. Link-time optimisation
 * puts the code of several files into one assembly; the first declaration is used there. */
#define SOAKBOX_FUNCTION_(FUNCTION, PROBE, ARGUMENTS)                                              \
    __asm__(".ifndef " FUNCTION "\n"                                                               \
            ".pushsection .text." FUNCTION ", \"axG\", %progbits, " FUNCTION ", comdat\n"          \
            ".weak " FUNCTION "\n"                                                                 \
            ".hidden " FUNCTION "\n"                                                               \
            ".type " FUNCTION ", %function\n"                                                      \
            ".balign 16\n" FUNCTION ":\n"                                                          \
            ".cfi_startproc\n"                                                                     \
            "990: " SOAKBOX_SITE_ "\n"                                                             \
            "ret\n"                                                                                \
            ".cfi_endproc\n"                                                                       \
            ".size " FUNCTION ", . - " FUNCTION "\n"                                               \
            ".pushsection .note.stapsdt, \"?\", %note\n"                                           \
            ".balign 4\n"                                                                          \
            ".4byte 992f - 991f, 994f - 993f, 3\n"                                                 \
            "991: .asciz \"stapsdt\"\n"                                                            \
            "992: .balign 4\n"                                                                     \
            "993: .8byte 990b\n"                                                                   \
            ".8byte 0\n"                                                                           \
            ".8byte 0\n"                                                                           \
            ".asciz \"soakbox\"\n"                                                                 \
            ".asciz \"" PROBE "\"\n"                                                               \
            ".asciz \"" ARGUMENTS "\"\n"                                                           \
            "994: .balign 4\n"                                                                     \
            ".popsection\n"                                                                        \
            ".popsection\n"                                                                        \
            ".endif\n")

#define SOAKBOX_OPERATION(NAME)                                                                    \
    SOAKBOX_FUNCTION_("soakbox_begin_" #NAME, #NAME "__begin", SOAKBOX_BEGIN_ARGUMENTS_);          \
    SOAKBOX_FUNCTION_("soakbox_finish_" #NAME, #NAME "__finish", SOAKBOX_FINISH_ARGUMENTS_);       \
    SOAKBOX_EXTERN_ void soakbox_begin_##NAME(uint64_t token)                                      \
        __attribute__((visibility("hidden")));                                                     \
    SOAKBOX_EXTERN_ void soakbox_finish_##NAME(uint64_t token, int64_t value, int32_t success)     \
        __attribute__((visibility("hidden")))
#else
#define SOAKBOX_OPERATION(NAME)                                                                    \
    static inline void soakbox_begin_##NAME(uint64_t token) { (void)token; }                       \
    static inline void soakbox_finish_##NAME(uint64_t token, int64_t value, int32_t success)       \
    { (void)token; (void)value; (void)success; }                                                   \
    struct soakbox_operation_##NAME##_declared
#endif

#define soakbox_begin(NAME) soakbox_begin_##NAME(0)
#define soakbox_finish(NAME, VALUE, SUCCESS)                                                       \
    soakbox_finish_##NAME(0, (int64_t)(VALUE), (SUCCESS) ? 1 : 0)
#define soakbox_begin_token(NAME, TOKEN) soakbox_begin_##NAME((uint64_t)(TOKEN))
#define soakbox_finish_token(NAME, TOKEN, VALUE, SUCCESS)                                          \
    soakbox_finish_##NAME((uint64_t)(TOKEN), (int64_t)(VALUE), (SUCCESS) ? 1 : 0)

#ifdef __cplusplus
namespace soakbox {

/* SOAKBOX_OPERATION(rule_refresh);
 * { soakbox::operation op(soakbox_begin_rule_refresh, soakbox_finish_rule_refresh);
 *   ...; op.finish(items, true); } */
class operation {
  public:
    typedef void (*begin_function)(uint64_t);
    typedef void (*finish_function)(uint64_t, int64_t, int32_t);

    operation(begin_function begin, finish_function finish) : finish_(finish) { begin(0); }
    ~operation()
    {
        if (finish_)
            finish_(0, 0, 0);
    }
    void finish(int64_t value, bool success)
    {
        finish_(0, value, success ? 1 : 0);
        finish_ = 0;
    }

  private:
    operation(const operation &);
    operation &operator=(const operation &);
    finish_function finish_;
};

} // namespace soakbox
#endif

#endif /* SOAKBOX_H */
