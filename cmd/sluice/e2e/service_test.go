package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	stageKey  = "on-stage" // with which stage.html, a page of another site, may publish
	oneRung   = "480p=640x480@30:1200k"
	smallRung = "240p=214x120@30:200k" // cheap enough for several at once
	calmRung  = "240p=214x120@15:200k" // cheaper still, in pages too; what comes at 30 pictures a second is not passed on beside it
	tallRung  = "240p=426x240@30:400k" // as high as it says
	clockRung = "240p=320x240@15:400k" // of the shape of stage.html's clock, so that it is read
	longParts = "--part=400ms"         // twice the default: half of the requests, which are most of the work of a page that plays HLS
)

// service is a running `sluice serve`.
type service struct {
	t      testing.TB
	cmd    *exec.Cmd
	base   string // URL without a path
	data   string
	output *output
	exited chan error
}

// startService runs the program on free ports of the loopback interface and waits until it says that it is ready. At the
// end of the test it must stop and exit with 0.
func startService(t testing.TB, args ...string) *service {
	t.Helper()
	return startServiceIn(t, t.TempDir(), args...)
}

func startServiceIn(t testing.TB, data string, args ...string) *service {
	t.Helper()
	return startCommand(t, serviceBy(t, []string{program}, data, args...), data)
}

// serviceBy is the program by a command that becomes it in the end. What tests share the machine with may take it for seconds: only those about
// the ladder want less of it then, with --ladder-reduce.
func serviceBy(t testing.TB, command []string, data string, args ...string) *exec.Cmd {
	t.Helper()
	args = append(append(command[1:], "serve", "--http-listen", freeAddress(t), "--ice-udp", freeAddress(t), "--data", data, "--record-min-free", "0", "--ladder-reduce=false"), args...)
	return exec.Command(command[0], args...)
}

// byManager is a command of a shell that becomes the program, $0, with a socket as service managers hand it over (sd_listen_fds(3)).
const byManager = `LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=http exec "$0" "$@"`

func startCommand(t testing.TB, cmd *exec.Cmd, data string) *service {
	t.Helper()
	s := &service{t: t, cmd: cmd, data: data, output: &output{}, exited: make(chan error, 1)}
	pipe, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	s.cmd.Stderr = s.output
	require.NoError(t, s.cmd.Start())
	found := make(chan string, 1)
	go func() {
		s.read(pipe, found)
		s.exited <- s.cmd.Wait()
	}()
	t.Cleanup(s.stop)
	select {
	case s.base = <-found:
	case err := <-s.exited:
		s.exited <- err
		t.Fatalf("the service did not start: %v\n%s", err, s.output)
	case <-time.After(patience):
		t.Fatalf("the service is not ready after %v:\n%s", patience, s.output)
	}
	return s
}

// read keeps all that is printed and finds the URL in it.
func (s *service) read(pipe io.Reader, found chan<- string) {
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		_, _ = s.output.Write(append(lines.Bytes(), '\n'))
		for _, line := range []string{"  Go live ", "  Streams "} { // of which a relay prints the second alone
			if url, ok := strings.CutPrefix(lines.Text(), line); ok {
				select {
				case found <- strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(url), "/publish"), "/"):
				default: // it is known
				}
			}
		}
	}
}

func (s *service) stop() {
	if s.t.Failed() {
		defer func() { s.t.Logf("the service printed:\n%s", s.output.tail(12_000)) }()
	}
	if s.cmd.Process.Signal(syscall.SIGTERM) != nil {
		return // killed by the test
	}
	select {
	case err := <-s.exited:
		require.NoError(s.t, err, "the service must exit with 0")
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		s.t.Errorf("the service had not stopped %v after SIGTERM", patience)
	}
}

var mediaAddress = regexp.MustCompile(`Media +UDP (\S+)`)

// addresses are arguments that give the service's next start the same ports.
func (s *service) addresses() []string {
	s.t.Helper()
	return []string{"--http-listen", strings.TrimPrefix(s.base, "http://"), "--ice-udp", s.media()}
}

// media is the address that the service takes media at.
func (s *service) media() string {
	s.t.Helper()
	eventually(s.t, func() bool { return mediaAddress.MatchString(s.output.String()) })
	return mediaAddress.FindStringSubmatch(s.output.String())[1]
}

// kill ends the service as kill -9 does.
func (s *service) kill() {
	require.NoError(s.t, s.cmd.Process.Kill())
	<-s.exited
}

// get fetches a path of the service.
func (s *service) get(path string) (int, http.Header, []byte) {
	s.t.Helper()
	response, err := http.Get(s.base + path)
	require.NoError(s.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return response.StatusCode, response.Header, body
}

// stream is what the API tells of a stream.
type stream struct {
	State     string
	Error     string
	Fault     string
	Publisher *struct {
		Connected bool
		Since     time.Time
		Video     *struct {
			Codec         string
			Width, Height int
			Packets       uint64
		}
	}
	Renditions []struct {
		ID, Codec string
		Width     int
	}
	Encoder struct {
		Restarts  int
		Reduced   string
		Copies    bool
		Transform string
		Encodes   string
		Layers    int
	}
	Viewers   int
	Recording *struct{ State, Error, Path string }
}

func (s *service) stream(name string) (st stream) {
	s.t.Helper()
	status, _, body := s.get("/api/v1/streams/" + name)
	if status == http.StatusOK {
		require.NoError(s.t, json.Unmarshal(body, &st))
	}
	return st
}

// waitState waits until the API tells a state of the stream.
func (s *service) waitState(name, state string) {
	s.t.Helper()
	s.waitFor(name, func(st stream) bool { return st.State == state })
}

// waitFor polls the API until the stream is as wanted.
func (s *service) waitFor(name string, wanted func(stream) bool) (now stream) {
	s.t.Helper()
	eventually(s.t, func() bool { now = s.stream(name); return wanted(now) }, "%s is not as wanted: %s", name, func() string { return fmt.Sprintf("%+v", now) })
	return now
}

// metric reads one sample of /metrics; name is the whole line up to the value.
func (s *service) metric(name string) float64 {
	s.t.Helper()
	_, _, body := s.get("/metrics")
	for line := range strings.Lines(string(body)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			require.NoError(s.t, err)
			return number
		}
	}
	return 0
}

// waitMetric waits until a metric has a value: the gauges of a stream follow its state.
func (s *service) waitMetric(name string, value float64) {
	s.t.Helper()
	eventually(s.t, func() bool { return s.metric(name) == value }, "%s is never %v", name, value)
}

// frames sums up, from one scrape, the frames of a stream that came in, went out and were dropped.
func (s *service) frames(name, kind string) (in, out, dropped float64) {
	s.t.Helper()
	_, _, body := s.get("/metrics")
	for line := range strings.Lines(string(body)) {
		if !strings.Contains(line, `stream="`+name+`"`) || !strings.Contains(line, `kind="`+kind+`"`) {
			continue
		}
		fields := strings.Fields(line)
		value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		require.NoError(s.t, err)
		switch {
		case strings.HasPrefix(line, "sluice_depay_frames_in_total"):
			in = value
		case strings.HasPrefix(line, "sluice_depay_frames_out_total"):
			out = value
		case strings.HasPrefix(line, "sluice_depay_frames_dropped_total"):
			dropped += value
		}
	}
	return in, out, dropped
}

// recording waits for the stream's newest recording to be finished and returns its directory.
func (s *service) recording(name string) string {
	s.t.Helper()
	var directory string
	eventually(s.t, func() bool {
		found, _ := filepath.Glob(filepath.Join(s.data, "recordings", name, "*", "recording.json"))
		if len(found) == 0 {
			return false
		}
		text, err := os.ReadFile(found[len(found)-1])
		directory = filepath.Dir(found[len(found)-1])
		var info struct {
			State string
			MP4   bool
		}
		return err == nil && json.Unmarshal(text, &info) == nil && info.State != "recording" && info.MP4
	}, "the recording of %s is not finished", name)
	return directory
}

// output collects what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) tail(n int) string {
	text := o.String()
	return text[max(0, len(text)-n):]
}

// runToEnd runs the program until it exits by itself.
func runToEnd(t *testing.T, args ...string) (printed string, status int) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	command := exec.CommandContext(ctx, program, args...)
	out, err := command.CombinedOutput()
	require.NoError(t, ctx.Err(), "the program goes on: %s", out)
	if err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return string(out), command.ProcessState.ExitCode()
}
