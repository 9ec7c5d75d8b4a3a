/* refuse_openat2 ERRNO PROGRAM ARGUMENT…: runs PROGRAM with a filter under which openat2 fails with ERRNO, as it does on kernels
   before 5.6, in gVisor, and under strict profiles of container engines. Ends with 99 if the filter has no effect. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define OPENAT2 437 /* on every architecture but Alpha */

int main(int count, char **arguments)
{
    int refusal = count > 2 ? atoi(arguments[1]) : 0;
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OPENAT2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)refusal),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof steps / sizeof *steps, steps};
    if (refusal <= 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return 99;
    if (syscall(OPENAT2, -1, "", NULL, 0) != -1 || errno != refusal)
        return 99;
    execv(arguments[2], arguments + 2);
    return 99;
}
