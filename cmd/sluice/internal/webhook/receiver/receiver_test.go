package receiver

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/webhook"
	"github.com/sluice-live/sluice/cmd/sluice/internal/webhook/signature"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines runs the command and reads what it prints, a line at a time.
func lines(t *testing.T, o Test) (next func() string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	in, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- o.Run(ctx, out)
		_ = out.Close()
	}()
	scanner := bufio.NewScanner(in)
	t.Cleanup(func() {
		cancel()
		for scanner.Scan() {
		}
		require.NoError(t, <-done)
		http.DefaultClient.CloseIdleConnections()
	})
	return func() string {
		require.True(t, scanner.Scan())
		return scanner.Text()
	}
}

// What webhooks send over a real connection is shown, once for each time that it comes.
func TestShowsWhatWebhooksSend(t *testing.T) {
	next := lines(t, Test{Listen: "127.0.0.1:0", Answer: http.StatusServiceUnavailable})
	url := strings.TrimPrefix(next(), "Events are received at ")
	require.Equal(t, "Have them sent by", next())
	found := regexp.MustCompile(`^    sluice serve --webhooks (\S+) --webhooks-secret (whsec_\S+)$`).FindStringSubmatch(next())
	require.Equal(t, url, found[1])

	hooks, err := webhook.New(webhook.Options{
		Targets: []webhook.Target{{URL: url, Secret: found[2]}}, Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		hooks.Run(ctx)
	}()
	hooks.Tell(webhook.Event{Type: webhook.StreamStarted, About: "stream cam", At: time.Now(), Data: map[string]string{"stream": "cam"}})
	first := regexp.MustCompile(`^\d\d:\d\d:\d\d stream\.started     \{"stream":"cam"\} \((msg_\w+)\)$`).FindStringSubmatch(next())
	require.NotNil(t, first)
	require.Contains(t, next(), first[1]+", again)", "it was answered with 503")
	cancel()
	<-done
}

// What is not signed as it should be is refused, and nothing that is sent reaches the terminal as control characters.
func TestRefusesWhatIsNotSigned(t *testing.T) {
	secret := signature.NewSecret()
	next := lines(t, Test{Listen: "127.0.0.1:0", Secret: secret, Answer: http.StatusOK})
	url := strings.TrimPrefix(next(), "Events are received at ")
	key, err := signature.ParseKey(secret)
	require.NoError(t, err)
	post := func(body string, sign func(http.Header)) int {
		request, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
		require.NoError(t, err)
		sign(request.Header)
		statuses := make(chan int, 1)
		go func() { // what is printed has to be read meanwhile
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				statuses <- 0
				return
			}
			answer.Body.Close()
			statuses <- answer.StatusCode
		}()
		t.Log(next())
		return <-statuses
	}
	right := func(body string) func(http.Header) {
		return func(h http.Header) { key.Set(h, "msg_1", time.Now(), []byte(body)) }
	}
	require.Equal(t, http.StatusOK, post(`{}`, right(`{}`)))
	require.Equal(t, http.StatusUnauthorized, post(`{}`, right(`{"other":1}`)))
	require.Equal(t, http.StatusUnauthorized, post(`{}`, func(http.Header) {}))
	require.Equal(t, http.StatusOK, post("\x1b[2J", right("\x1b[2J")))
	answer, err := http.Get(url)
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, answer.StatusCode)

	require.Equal(t, "\uFFFD[2J\uFFFD", printable("\x1b[2J\u009b"))
	require.Len(t, printable(strings.Repeat("x", 2*maxShown)), maxShown+len("…"))
	require.Equal(t, `room.x             {"a":"b\n"}`, describe([]byte(`{"type": "room.x", "data": {"a": "b\n"}}`)))
}

func TestWrongUsage(t *testing.T) {
	for want, o := range map[string]Test{
		"flag --secret: it is not whsec_": {Listen: "127.0.0.1:0", Secret: "short", Answer: 200},
		"flag --answer: 99":               {Listen: "127.0.0.1:0", Answer: 99},
		"flag --listen":                   {Listen: "nowhere", Answer: 200},
	} {
		err := o.Run(t.Context(), io.Discard)
		require.ErrorContains(t, err, want)
		require.Equal(t, exit.WrongUsage, exit.Status(err))
	}
}

// Whatever comes is shown in one line without control characters.
func FuzzDescribe(f *testing.F) {
	f.Add([]byte(`{"type":"stream.started","data":{"stream":"cam"}}`))
	f.Add([]byte("{\"type\":\"\\u001b\",\"data\":\"\u202e\"}"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		line := describe(body)
		require.NotRegexp(t, `[\x00-\x1f\x7f-\x{9f}\x{2028}-\x{202e}]`, line)
		require.LessOrEqual(t, len(line), maxShown+len("…"))
	})
}
