//! Counts the system calls of one thread, each one, whatever makes it.
//!
//! By "syscall user dispatch" (Linux 5.11 and later, x86-64), which needs no privilege: while the selector says so, each system call of the thread
//! becomes a signal instead, whose handler counts it and makes it. So what is counted is slow, and must not be timed. What the system does without
//! being called (page faults, the clock without a call) is not seen. A call that makes a thread or a process is made as it is, and
//! what follows in the same stretch of work is not counted.
#![allow(unsafe_code)]

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use supported::Counter;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod supported {
    use std::arch::asm;
    use std::marker::PhantomData;
    use std::ptr;
    use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};

    /// `PR_SET_SYSCALL_USER_DISPATCH` of `prctl`.
    const SET_DISPATCH: i32 = 59;
    const ALLOW: u8 = 0;
    const BLOCK: u8 = 1;
    const ON: libc::c_ulong = 1;
    const OFF: libc::c_ulong = 0;
    /// Of the instruction `syscall`.
    const INSTRUCTION: i64 = 2;

    static SELECTOR: AtomicU8 = AtomicU8::new(ALLOW);
    static CALLS: AtomicU64 = AtomicU64::new(0);
    /// Where the C library returns from signals: to do so is a system call, which must not become a signal.
    static RETURNS: AtomicUsize = AtomicUsize::new(0);
    static TAKEN: AtomicBool = AtomicBool::new(false);

    /// Of the thread that made it. One at a time.
    pub struct Counter(PhantomData<*const ()>);

    impl Counter {
        /// `None` if the system cannot.
        pub fn new() -> Option<Self> {
            assert!(!TAKEN.swap(true, Relaxed), "one at a time");
            // SAFETY: an action of zeros is a valid one, and the handler is of the kind that the flag says.
            let returns = unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = on_call as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO;
                libc::sigaction(libc::SIGSYS, &raw const action, ptr::null_mut());
                libc::raise(libc::SIGSYS);
                RETURNS.load(Relaxed)
            };
            // SAFETY: the selector is always there, and the handler is in place.
            let done = unsafe { libc::prctl(SET_DISPATCH, ON, returns, 16_usize, SELECTOR.as_ptr()) };
            (done == 0).then_some(Self(PhantomData))
        }

        /// How many system calls that made.
        pub fn count<R>(&self, work: impl FnOnce() -> R) -> (R, u64) {
            let before = CALLS.load(Relaxed);
            SELECTOR.store(BLOCK, Relaxed);
            let result = work();
            SELECTOR.store(ALLOW, Relaxed);
            (result, CALLS.load(Relaxed) - before)
        }
    }

    impl Drop for Counter {
        fn drop(&mut self) {
            // SAFETY: ends what `new` began.
            unsafe { libc::prctl(SET_DISPATCH, OFF, 0_usize, 0_usize, 0_usize) };
            TAKEN.store(false, Relaxed);
        }
    }

    extern "C" fn on_call(_signal: i32, _info: *mut libc::siginfo_t, context: *mut libc::c_void) {
        let selected = SELECTOR.swap(ALLOW, Relaxed);
        if selected == ALLOW {
            // SAFETY: the call from `new`. The system has put the address to return to right below the context.
            RETURNS.store(unsafe { context.cast::<usize>().sub(1).read() }, Relaxed);
            return;
        }
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: the system hands the handler the context of the thread, which nobody else touches.
        let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
        let number = registers[libc::REG_RAX as usize];
        if [libc::SYS_clone, libc::SYS_clone3, libc::SYS_fork, libc::SYS_vfork].contains(&number) {
            // Returns twice, which this handler cannot. The selector stays as it is.
            registers[libc::REG_RIP as usize] -= INSTRUCTION;
            return;
        }
        let of = |register: i32| registers[register as usize];
        let result: i64;
        // SAFETY: the call that the thread was about to make, with its arguments.
        unsafe {
            asm!(
                "syscall",
                inlateout("rax") number => result,
                in("rdi") of(libc::REG_RDI),
                in("rsi") of(libc::REG_RSI),
                in("rdx") of(libc::REG_RDX),
                in("r10") of(libc::REG_R10),
                in("r8") of(libc::REG_R8),
                in("r9") of(libc::REG_R9),
                lateout("rcx") _,
                lateout("r11") _,
            );
        }
        registers[libc::REG_RAX as usize] = result;
        SELECTOR.store(BLOCK, Relaxed);
    }
}

/// There is none here.
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub struct Counter(());

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
impl Counter {
    pub fn new() -> Option<Self> {
        None
    }

    pub fn count<R>(&self, work: impl FnOnce() -> R) -> (R, u64) {
        (work(), 0)
    }
}
