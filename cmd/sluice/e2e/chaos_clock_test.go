package e2e

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
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
			require.NoError(c.t, setClock(service, ahead))
			for _, pid := range children(service) {
				if err := setClock(pid, ahead); err != nil { // it has ended, as what makes a thumbnail soon does
					eventually(c.t, func() bool { return gone(pid) }, "%v", err)
				}
			}
			_, header, _ := c.s.get("/healthz")
			date, err := http.ParseTime(header.Get("Date"))
			require.NoError(c.t, err)
			require.WithinDuration(c.t, time.Now().Add(ahead), date, 10*time.Second, "the clock that the service sees")
			lapse(during)
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
func setClock(pid int, ahead time.Duration) error {
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer memory.Close()
	from, to, err := kernelPages(pid)
	if err != nil {
		return err
	}
	pages := make([]byte, to-from)
	if _, err = memory.ReadAt(pages, from); err != nil {
		return err
	}
	changes, err := clockChanges(pages, ahead)
	for _, c := range changes {
		if _, failure := memory.WriteAt(c.bytes, from+c.at); err == nil {
			err = failure
		}
	}
	return err
}

// clockChange is bytes to write at a place of the kernel's pages.
type clockChange struct {
	at    int64
	bytes []byte
}

// clockChanges are all of them, those that make the process jump last.
func clockChanges(pages []byte, ahead time.Duration) ([]clockChange, error) {
	end := int64(len(pages) - clockOffset)
	changes := []clockChange{{end, binary.LittleEndian.AppendUint64(nil, uint64(ahead/time.Second))}}
	var jumps []clockChange
	image, err := elf.NewFile(bytes.NewReader(pages))
	if err != nil {
		return nil, err
	}
	symbols, err := image.DynamicSymbols()
	for _, symbol := range symbols {
		if f, ok := clockCode[symbol.Name]; ok {
			const jump = 5
			to := end + int64(f.at)
			changes = append(changes, clockChange{to, f.code})
			jumps = append(jumps, clockChange{int64(symbol.Value), binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(to-int64(symbol.Value)-jump))})
		}
	}
	if len(jumps) != len(clockCode) {
		return nil, errors.Join(err, errors.New("the kernel's functions are not all there"))
	}
	return append(changes, jumps...), err
}

// kernelPages is where the kernel's functions are in a process.
func kernelPages(pid int) (from, to int64, err error) {
	maps, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if strings.HasSuffix(lines.Text(), "[vdso]") {
			_, err = fmt.Sscanf(lines.Text(), "%x-%x", &from, &to)
			return from, to, err
		}
	}
	return 0, 0, fmt.Errorf("process %d has no vdso", pid)
}
