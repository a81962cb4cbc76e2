package doctor

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/command"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/transcode"
	"github.com/sluice-live/sluice/transcode/sandbox"
)

// run runs the doctor and returns what it prints.
func run(t *testing.T, args ...string) (out string, err error) {
	t.Helper()
	var printed strings.Builder
	d := &struct{ Doctor }{Doctor{Flags: config.NewFlags()}}
	_, err = command.Parse(d, args, &printed, config.ParseDuration)
	err = d.Run(t.Context(), &printed, config.Surroundings{Faults: err})
	return printed.String(), err
}

// marks returns the mark of each subject that the doctor prints.
func marks(output string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(output) {
		mark, rest, _ := strings.Cut(line, " ")
		if subject, _, ok := strings.Cut(rest, ":"); ok && mark != "" {
			found[subject] = mark
		}
	}
	return found
}

func TestDoctorOnSoundMachine(t *testing.T) {
	data := filepath.Join(t.TempDir(), "not", "yet")
	out, err := run(t, "--http-listen=127.0.0.1:0", "--https-listen=127.0.0.1:00", "--tls-self-signed", "--ice-udp=127.0.0.1:0", "--data", data, "--record-min-free=1")
	require.NoError(t, err, out)
	got := marks(out)
	for _, subject := range []string{
		"ffmpeg", "ffmpeg encoders", "ffmpeg decoders", "ffmpeg decoders for AV1", "ffmpeg muxers", "ffmpeg demuxers", "ffmpeg encoders of sluice publish", "hardware encoders",
		"http.listen", "https.listen", "ice.udp", "ice.tcp", "access", "data",
	} {
		require.Equal(t, markFine, got[subject], "%s in\n%s", subject, out)
	}
	require.Equal(t, markLook, got["ICE"], "loopback candidates only")
	require.NoDirExists(t, data)
}

func TestDoctorFindsWhatIsInTheWay(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer udp.Close()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	out, err := run(t, "--ffmpeg", filepath.Join(t.TempDir(), "ffmpeg"), "--http-listen", tcp.Addr().String(),
		"--ice-udp", udp.LocalAddr().String(), "--ice-tcp=off", "--data", filepath.Join(file, "data"))
	require.ErrorIs(t, err, errUnwell)
	got := marks(out)
	for subject, mark := range map[string]string{"ffmpeg": markBad, "http.listen": markBad, "ice.udp": markBad, "ice.tcp": markLook, "data": markBad} {
		require.Equal(t, mark, got[subject], "%s in\n%s", subject, out)
	}
	require.Contains(t, out, "Another program has it")
}

func TestDoctorDisk(t *testing.T) {
	cfg := config.Default()
	cfg.Data, cfg.Record.MinFree = t.TempDir(), 1<<50
	findings := checkData(cfg)
	require.Equal(t, markBad, findings[1].mark)
	cfg.Record.Enabled = false
	require.NotEqual(t, markBad, checkData(cfg)[1].mark)
}

func TestDoctorFFmpegVersion(t *testing.T) {
	for name, tc := range map[string]struct{ version, want string }{
		"too old":  {"ffmpeg version 4.4.2-0ubuntu0.22.04.1", markBad},
		"older":    {"ffmpeg version 5.0", markBad},
		"oldest":   {"ffmpeg version 5.1", markFine},
		"newer":    {"ffmpeg version 7.0.2-static", markFine},
		"snapshot": {"ffmpeg version N-110000-gabcdef", markLook},
		"nothing":  {"", markLook},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, judgeVersion(tc.version).mark) })
	}
}

// What a snap installs is a link to a program that starts what it is called by, with privileges.
func TestDoctorFFmpegOfSnap(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "snap"), []byte("#!/bin/sh\necho snap-confine has elevated permissions >&2; exit 1\n"), 0o700))
	ffmpeg := filepath.Join(dir, "ffmpeg")
	require.NoError(t, os.Symlink("snap", ffmpeg))
	findings := checkFFmpeg(t.Context(), ffmpeg, config.EncoderSoftware)
	require.Len(t, findings, 1)
	require.Equal(t, markBad, findings[0].mark)
	require.Contains(t, findings[0].state, "comes from a snap")
	require.Contains(t, findings[0].mend, "--ffmpeg /usr/bin/ffmpeg")
}

func TestDoctorFFmpegWithoutCodecs(t *testing.T) {
	findings := checkCodecs(t.Context(), "true") // a program that lists nothing
	require.Equal(t, "without libx264, aac", findings[0].state)
	require.Equal(t, markBad, findings[0].mark)
	require.Equal(t, markLook, findings[len(findings)-1].mark, "only sluice publish needs these")
}

func TestDoctorSystem(t *testing.T) {
	proc := t.TempDir()
	for file, n := range map[string]string{"max_user_instances": "1\n", "max_user_watches": "2\n", "rmem_max": "212992\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(proc, file), []byte(n), 0o600))
	}
	got := checkInotify(proc)
	require.Equal(t, markLook, got.mark)
	require.Equal(t, "1 instances, 2 watches", got.state)
	require.Contains(t, got.mend, "sysctl")
	got = checkSocketBuffer(proc)
	require.Equal(t, markLook, got.mark)
	require.Equal(t, "up to 208 KiB", got.state)
	require.Contains(t, got.mend, "sysctl net.core.rmem_max=4194304")
}

func TestDoctorCandidates(t *testing.T) {
	for name, tc := range map[string]struct {
		listen, public string
		want           []string // marks
	}{
		"loopback":       {"127.0.0.1:80", "", []string{markLook}},
		"public":         {"198.51.100.1:80", "", []string{markFine}},
		"private":        {"10.0.0.1:80", "", []string{markFine, markLook}},
		"private in NAT": {"10.0.0.1:80", "203.0.113.7", []string{markFine}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config.Default()
			cfg.HTTP.Listen = tc.listen
			if tc.public != "" {
				cfg.ICE.PublicIP = []netip.Addr{netip.MustParseAddr(tc.public)}
			}
			var got []string
			for _, f := range checkCandidates(cfg) {
				got = append(got, f.mark)
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// TestJudgeConfinement tells an ffmpeg that works unconfined from one that does not work, and from a kernel that lacks something.
func TestJudgeConfinement(t *testing.T) {
	whole := sandbox.Support{Landlock: 7, Descriptors: true}
	old := sandbox.Support{Descriptors: true, LandlockFault: errors.New("too old")}
	for name, test := range map[string]struct {
		support sandbox.Support
		trial   error
		mark    string
		says    string
	}{
		"all holds":         {whole, nil, markFine, "makes no sockets (seccomp) (tried)"},
		"an old kernel":     {old, nil, markLook, "there is no Landlock: too old"},
		"it is let do more": {whole, fmt.Errorf("%w: it read another file", transcode.ErrNotConfined), markBad, "it read another file"},
		"it does not work":  {whole, errors.New("ffmpeg does not work when it is confined: no library"), markBad, "no library"},
	} {
		t.Run(name, func(t *testing.T) {
			f := judgeConfinement(test.support, test.trial)
			require.Equal(t, test.mark, f.mark)
			require.Contains(t, f.state, test.says)
			require.Equal(t, test.mark == markFine, f.mend == "")
		})
	}
}

// TestDoctorEncoder says what hardware encodes with, or why none does, and asks for something only where that was asked for.
func TestDoctorEncoder(t *testing.T) {
	program := filepath.Join(t.TempDir(), "ffmpeg") // one that can do nothing
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\nexit 1\n"), 0o700))
	for wanted, mark := range map[string]string{config.EncoderSoftware: markFine, "auto": markFine, "vaapi": markLook} {
		got := checkEncoder(t.Context(), program, wanted)
		require.Equal(t, mark, got.mark, wanted)
		require.Contains(t, got.state, "encoder libx264, by software; ")
		require.Contains(t, got.state, "vaapi: ")
	}
}

func TestDoctorOfARelay(t *testing.T) {
	status := http.StatusOK
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/media/healthz", r.URL.Path)
		w.WriteHeader(status)
	}))
	defer origin.Close()
	args := []string{"--http-listen=127.0.0.1:0", "--ffmpeg=/nowhere", "--relay-origin", origin.URL + "/media"}
	out, err := run(t, args...)
	require.NoError(t, err, out)
	require.Equal(t, markFine, marks(out)["relay.origin"], out)
	require.NotContains(t, out, "ffmpeg", "a relay does not need it")
	status = http.StatusNotFound
	out, err = run(t, args...)
	require.ErrorIs(t, err, errUnwell)
	require.Contains(t, out, "answers 404")
	origin.Close()
	out, err = run(t, args...)
	require.ErrorIs(t, err, errUnwell)
	require.Equal(t, markBad, marks(out)["relay.origin"], out)
	unknown := httptest.NewTLSServer(http.NotFoundHandler())
	defer unknown.Close()
	out, err = run(t, "--http-listen=127.0.0.1:0", "--relay-origin", unknown.URL)
	require.ErrorIs(t, err, errUnwell)
	require.Contains(t, out, "SSL_CERT_FILE")
}
