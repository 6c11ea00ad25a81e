// Burns CPU in three functions, 3 : 2 : 1, and says what each took by the kernel's own account.
package main

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

const threadCPUTime = 3 // CLOCK_THREAD_CPUTIME_ID of clock_gettime(2); what getrusage(2) says may be a tick old

var keep uint64

func cpuNs() int64 {
	var now syscall.Timespec
	_, _, failed := syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, threadCPUTime, uintptr(unsafe.Pointer(&now)), 0)
	if failed != 0 {
		panic(failed)
	}
	return syscall.TimespecToNsec(now)
}

//go:noinline
func workThree(ns int64) int64 {
	began, sum := cpuNs(), uint64(1)
	for cpuNs()-began < ns {
		for round := uint64(0); round < 20000; round++ {
			sum = sum*31 + round // line of workThree
		}
	}
	keep = sum
	return cpuNs() - began
}

//go:noinline
func workTwo(ns int64) int64 {
	began, sum := cpuNs(), uint64(1)
	for cpuNs()-began < ns {
		for round := uint64(0); round < 20000; round++ {
			sum = sum*31 + round // line of workTwo
		}
	}
	keep = sum
	return cpuNs() - began
}

//go:noinline
func workOne(ns int64) int64 {
	began, sum := cpuNs(), uint64(1)
	for cpuNs()-began < ns {
		for round := uint64(0); round < 20000; round++ {
			sum = sum*31 + round // line of workOne
		}
	}
	keep = sum
	return cpuNs() - began
}

func main() {
	// The clock is this thread's.
	runtime.LockOSThread()
	in := bufio.NewReader(os.Stdin)
	os.Stdout.WriteString("ready\n")
	line, _ := in.ReadString('\n')
	rounds, _ := strconv.Atoi(strings.TrimSpace(line))
	var three, two, one int64
	for ; rounds > 0; rounds-- {
		three += workThree(3e6)
		two += workTwo(2e6)
		one += workOne(1e6)
	}
	for _, truth := range []struct {
		name string
		took int64
	}{{"workThree", three}, {"workTwo", two}, {"workOne", one}} {
		os.Stdout.WriteString("truth " + truth.name + " " + strconv.FormatInt(truth.took, 10) + "\n")
	}
	os.Stdout.WriteString("end\n")
	// Its files are looked at while it lives.
	in.ReadString('\n')
}
