package e2e

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// clockSteps are the faults of the wall clock, on the machines for which setClock has instructions.
func clockSteps(during time.Duration) []fault {
	if runtime.GOARCH != "amd64" {
		return nil
	}
	return []fault{clockStepped(during)}
}

// clockStepped is a wall clock that goes an hour ahead, then two back, then is right again.
func clockStepped(during time.Duration) fault {
	return fault{name: "clock an hour ahead, an hour behind", silence: untouched, inject: func(c *chaos) {
		service := c.s.cmd.Process.Pid
		for _, ahead := range []time.Duration{time.Hour, -time.Hour, 0} {
			for _, pid := range append(children(service), service) {
				setClock(c.t, pid, ahead)
			}
			_, header, _ := c.s.get("/healthz")
			date, err := http.ParseTime(header.Get("Date"))
			require.NoError(c.t, err)
			require.WithinDuration(c.t, time.Now().Add(ahead), date, 10*time.Second, "the clock that the service sees")
			time.Sleep(during)
		}
	}}
}

// A clock is read without a system call, by functions that the kernel has put into the process (vdso(7)). They are made to jump to
// these, which call the kernel and add a number of seconds that stands before them.
const (
	clockOffset  = 96 // of the number, from the end of the kernel's pages, which is unused
	clockGetTime = 8
	getTimeOfDay = 40
)

var clockCode = map[string]struct {
	at   int
	code []byte
}{
	"clock_gettime": {clockGetTime, []byte{
		0xb8, 228, 0, 0, 0, // mov eax, clock_gettime
		0x0f, 0x05, // syscall
		0x85, 0xff, // test edi, edi
		0x75, 10, // jne to ret: not CLOCK_REALTIME
		0x48, 0x8b, 0x0d, 0xe6, 0xff, 0xff, 0xff, // mov rcx, [number]
		0x48, 0x01, 0x0e, // add [rsi], rcx
		0xc3, // ret
	}},
	"gettimeofday": {getTimeOfDay, []byte{
		0xb8, 96, 0, 0, 0, // mov eax, gettimeofday
		0x0f, 0x05, // syscall
		0x48, 0x85, 0xff, // test rdi, rdi
		0x74, 10, // je to ret: only the zone is asked for
		0x48, 0x8b, 0x0d, 0xc5, 0xff, 0xff, 0xff, // mov rcx, [number]
		0x48, 0x01, 0x0f, // add [rdi], rcx
		0xc3, // ret
	}},
}

// setClock makes the wall clock of a process go ahead of the machine's, which no test should set.
func setClock(t testing.TB, pid int, ahead time.Duration) {
	t.Helper()
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	require.NoError(t, err)
	defer memory.Close()
	from, to := kernelPages(t, pid)
	pages := make([]byte, to-from)
	_, err = memory.ReadAt(pages, from)
	require.NoError(t, err)
	write := func(at int64, bytes []byte) {
		_, err := memory.WriteAt(bytes, from+at)
		require.NoError(t, err)
	}
	end := int64(len(pages) - clockOffset)
	write(end, binary.LittleEndian.AppendUint64(nil, uint64(ahead/time.Second)))
	image, err := elf.NewFile(bytes.NewReader(pages))
	require.NoError(t, err)
	symbols, err := image.DynamicSymbols()
	require.NoError(t, err)
	patched := 0
	for _, symbol := range symbols {
		if f, ok := clockCode[symbol.Name]; ok {
			to := end + int64(f.at)
			write(to, f.code)
			const jump = 5
			write(int64(symbol.Value), binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(to-int64(symbol.Value)-jump)))
			patched++
		}
	}
	require.Equal(t, len(clockCode), patched)
}

// kernelPages is where the kernel's functions are in a process.
func kernelPages(t testing.TB, pid int) (from, to int64) {
	t.Helper()
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	require.NoError(t, err)
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if strings.HasSuffix(lines.Text(), "[vdso]") {
			_, err := fmt.Sscanf(lines.Text(), "%x-%x", &from, &to)
			require.NoError(t, err)
		}
	}
	require.Positive(t, to-from, "process %d has no vdso", pid)
	return from, to
}
