package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program is the binary under test, built once.
var program string

func TestMain(m *testing.M) {
	if role := roles[os.Getenv(roleKey)]; role != nil {
		role()
		return
	}
	flag.Parse()
	_ = flag.Set("test.parallel", "1000") // all tests are there at once, and each waits for its turn: see machine
	os.Exit(run(m))
}

func run(m *testing.M) int {
	for _, tool := range []string{"ffmpeg", "ffprobe", "chromium"} {
		if _, err := exec.LookPath(tool); err != nil {
			fmt.Printf("%s is missing: scripts/test installs what the tests need.\n", tool)
			return 1
		}
	}
	directory, err := os.MkdirTemp("", "sluice-e2e-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(directory)
	if err := startGuard(); err != nil {
		fmt.Println(err)
		return 1
	}
	program = filepath.Join(directory, "sluice")
	if out, err := exec.Command("go", "build", "-o", program, "..").CombinedOutput(); err != nil {
		fmt.Printf("build: %v\n%s", err, out)
		return 1
	}
	defer cameraBrowser.end()
	defer filmBrowser.end()
	return m.Run()
}
