package dev.berth.cri.spec;

import dev.berth.oci.SeccompSpec;
import dev.berth.oci.SeccompSpec.Arg;
import dev.berth.oci.SeccompSpec.Syscall;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The filter of containers that ask for the runtime's default: a list of what is allowed, everything else fails with EPERM.
 *
 * <p>It allows what the default of the other runtimes of the field allows, so that an image runs here as it runs there: no
 * io_uring, no keyrings, no kexec, no new namespaces or mounts without CAP_SYS_ADMIN, no sockets of AF_ALG (the kernel's
 * crypto, CVE-2026-31431) and AF_VSOCK (the hypervisor).
 */
final class DefaultSeccomp {
    private static final String ALLOW = "SCMP_ACT_ALLOW";
    private static final String ERRNO = "SCMP_ACT_ERRNO";
    private static final int EPERM = 1;
    private static final int ENOSYS = 38;
    private static final int AF_ALG = 38;
    private static final int AF_NFC = 39;
    private static final int AF_VSOCK = 40;

    /** The flags of clone that make namespaces. */
    private static final long NEW_NAMESPACES = 0x7E020000L;

    private static final String FILES = """
            access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
            fadvise64 fadvise64_64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl
            fcntl64 fdatasync fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64
            fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64 getxattr getxattrat inotify_add_watch
            inotify_init inotify_init1 inotify_rm_watch ioctl lchown lchown32 lgetxattr link linkat listmount listxattr
            listxattrat llistxattr _llseek lremovexattr lseek lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat
            name_to_handle_at newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read
            readahead readlink readlinkat readv removexattr removexattrat rename renameat renameat2 rmdir sendfile sendfile64
            setxattr setxattrat splice stat stat64 statfs statfs64 statmount statx symlink symlinkat sync sync_file_range
            syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev
            """;

    private static final String WAITING = """
            epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
            eventfd2 futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake io_cancel io_destroy io_getevents
            io_pgetevents io_pgetevents_time64 io_setup io_submit _newselect poll ppoll ppoll_time64 pselect6
            pselect6_time64 select signalfd signalfd4
            """;

    private static final String PROCESSES = """
            alarm capget capset execve execveat exit exit_group fork getegid getegid32 geteuid geteuid32 getgid getgid32
            getgroups getgroups32 getpgid getpgrp getpid getppid getpriority getresgid getresgid32 getresuid getresuid32
            getrlimit get_robust_list getrusage getsid get_thread_area gettid getuid getuid32 ioprio_get ioprio_set kill
            landlock_add_rule landlock_create_ruleset landlock_restrict_self membarrier pause pidfd_open pidfd_send_signal
            prctl prlimit64 process_mrelease process_vm_readv process_vm_writev ptrace restart_syscall rseq rt_sigaction
            rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64
            rt_tgsigqueueinfo sched_getaffinity sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min
            sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr
            sched_setparam sched_setscheduler sched_yield seccomp setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
            setgroups setgroups32 setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32
            setreuid setreuid32 setrlimit set_robust_list setsid set_thread_area set_tid_address setuid setuid32
            sigaltstack sigprocmask sigreturn tgkill tkill ugetrlimit vfork wait4 waitid waitpid
            """;

    private static final String MEMORY = """
            brk cachestat madvise map_shadow_stack memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect
            mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages uretprobe
            """;

    private static final String CLOCKS = """
            adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
            clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete
            timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
            timerfd_gettime64 timerfd_settime timerfd_settime64 times
            """;

    private static final String TALKING = """
            accept accept4 bind connect getpeername getsockname getsockopt ipc listen mq_getsetattr mq_notify mq_open
            mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd recv
            recvfrom recvmmsg recvmmsg_time64 recvmsg semctl semget semop semtimedop semtimedop_time64 send sendmmsg sendmsg
            sendto setsockopt shmat shmctl shmdt shmget shutdown socketpair
            """;

    private static final String OTHER = "getcpu getrandom riscv_hwprobe sysinfo uname";

    private static final Map<String, String> BY_ARCHITECTURE = Map.of(
            "amd64", "arch_prctl modify_ldt",
            "arm64", "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
            "ppc64le", "sync_file_range2 swapcontext",
            "s390x", "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr",
            "riscv64", "riscv_flush_icache");

    private static final Map<String, List<String>> FILTERED = Map.of(
            "amd64", List.of("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
            "arm64", List.of("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
            "ppc64le", List.of("SCMP_ARCH_PPC64LE"),
            "s390x", List.of("SCMP_ARCH_S390X", "SCMP_ARCH_S390"),
            "riscv64", List.of("SCMP_ARCH_RISCV64"));

    private static final Map<String, String> BY_CAPABILITY = Map.ofEntries(
            Map.entry("CAP_BPF", "bpf"),
            Map.entry("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
            Map.entry("CAP_PERFMON", "perf_event_open"),
            Map.entry("CAP_SYS_ADMIN", """
                    bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr
                    lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl
                    quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare
                    """),
            Map.entry("CAP_SYS_BOOT", "reboot"),
            Map.entry("CAP_SYS_CHROOT", "chroot"),
            Map.entry("CAP_SYS_MODULE", "delete_module finit_module init_module"),
            Map.entry("CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
            Map.entry("CAP_SYS_PACCT", "acct"),
            Map.entry("CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise"),
            Map.entry("CAP_SYS_RAWIO", "ioperm iopl"),
            Map.entry("CAP_SYS_TIME", "clock_settime clock_settime64 settimeofday stime"),
            Map.entry("CAP_SYS_TTY_CONFIG", "vhangup"),
            Map.entry("CAP_SYSLOG", "syslog"));

    private DefaultSeccomp() {}

    /**
     * The filter for a container.
     *
     * @param architecture Go's name of the host's
     * @param capabilities the container's bounding set
     */
    static SeccompSpec of(String architecture, Set<String> capabilities) {
        List<Syscall> rules = new ArrayList<>();
        rules.add(allow(FILES + WAITING + PROCESSES + MEMORY + CLOCKS + TALKING + OTHER));
        rules.add(allow(BY_ARCHITECTURE.getOrDefault(architecture, "")));
        rules.addAll(sockets());
        for (long domain : new long[] {0, 0x8, 0x20000, 0x20008, 0xffffffffL}) {
            rules.add(allowIf("personality", 0, "SCMP_CMP_EQ", domain));
        }
        capabilities.stream()
                .sorted()
                .filter(BY_CAPABILITY::containsKey)
                .map(c -> allow(BY_CAPABILITY.getOrDefault(c, "")))
                .forEach(rules::add);
        if (!capabilities.contains("CAP_SYS_ADMIN")) {
            rules.addAll(threadsOnly(architecture));
        }
        rules.removeIf(r -> r.names().isEmpty());
        return new SeccompSpec(
                ERRNO, EPERM, FILTERED.getOrDefault(architecture, List.of()), List.of(), null, null, rules);
    }

    /**
     * Every family but two, as ranges, because two conditions on one argument cannot stand in one rule. The old multiplexer
     * of 32-bit programs hides the family behind a pointer, so it is refused; not by EPERM, which is the default, since
     * runtimes drop a rule that says what the default says, and libseccomp then lets it through for the sake of the others.
     */
    private static List<Syscall> sockets() {
        return List.of(
                refuse("socketcall"),
                allowIf("socket", 0, "SCMP_CMP_LT", AF_ALG),
                allowIf("socket", 0, "SCMP_CMP_EQ", AF_NFC),
                allowIf("socket", 0, "SCMP_CMP_GT", AF_VSOCK));
    }

    /** clone3 has its flags behind a pointer: it "does not exist", and C libraries fall back to clone. */
    private static List<Syscall> threadsOnly(String architecture) {
        int flags = architecture.equals("s390x") ? 1 : 0;
        Arg none = new Arg(flags, BigInteger.valueOf(NEW_NAMESPACES), BigInteger.ZERO, "SCMP_CMP_MASKED_EQ");
        return List.of(new Syscall(List.of("clone"), ALLOW, null, List.of(none)), refuse("clone3"));
    }

    private static Syscall allow(String names) {
        List<String> list = names.isBlank() ? List.of() : List.of(names.strip().split("\\s+", -1));
        return new Syscall(list, ALLOW, null, List.of());
    }

    private static Syscall allowIf(String name, int argument, String comparison, long value) {
        return new Syscall(
                List.of(name),
                ALLOW,
                null,
                List.of(new Arg(argument, BigInteger.valueOf(value), BigInteger.ZERO, comparison)));
    }

    private static Syscall refuse(String name) {
        return new Syscall(List.of(name), ERRNO, ENOSYS, List.of());
    }
}
