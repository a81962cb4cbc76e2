package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/stretchr/testify/require"
)

// window is a page of any browser, by what can be done to it.
type window struct {
	navigate func(url string) error
	evaluate func(script string, value any) error // as tab.run
	hide     func(hidden bool) error              // nil: it cannot be hidden
	close    func()
}

func decode(text string, value any) error {
	if value == nil {
		return nil
	}
	return json.Unmarshal([]byte(text), value)
}

// spawn starts a program that ends with the test.
func spawn(t testing.TB, command *exec.Cmd) (printed *output, stop func()) {
	t.Helper()
	printed = &output{}
	command.Stdout, command.Stderr = printed, printed
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, command.Start())
	stop = func() {
		if command.ProcessState == nil {
			_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
			_ = command.Wait()
		}
	}
	t.Cleanup(stop)
	return printed, stop
}

const firefoxSettings = `
user_pref("media.autoplay.default", 0);
user_pref("media.autoplay.blocking_policy", 0);
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
`

var bidiAddress = regexp.MustCompile(`WebDriver BiDi listening on (ws://\S+)`)

// firefox opens a headless Firefox and a page of it, by WebDriver BiDi.
func firefox(t testing.TB) *window {
	t.Helper()
	profile := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(profile, "user.js"), []byte(firefoxSettings), 0o600))
	printed, stop := spawn(t, exec.Command("firefox-esr", "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"))
	eventually(t, func() bool { return bidiAddress.MatchString(printed.String()) }, "Firefox says: %s", printed.String)
	b := &bidi{}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	b.conn, _, err = websocket.Dial(ctx, bidiAddress.FindStringSubmatch(printed.String())[1]+"/session", nil)
	require.NoError(t, err)
	b.conn.SetReadLimit(1 << 24)
	require.NoError(t, b.call("session.new", map[string]any{"capabilities": map[string]any{}}, nil))
	page, other := b.tab(t), b.tab(t)
	w := &window{close: stop}
	w.navigate = func(url string) error {
		return b.call("browsingContext.navigate", map[string]any{"context": page, "url": url, "wait": "complete"}, nil)
	}
	w.evaluate = func(script string, value any) error {
		var answer struct {
			Type             string
			Result           struct{ Value string }
			ExceptionDetails struct{ Text string }
		}
		err := b.call("script.evaluate", map[string]any{
			"expression": asJSON(script), "awaitPromise": true, "userActivation": true, "target": map[string]string{"context": page},
		}, &answer)
		if err == nil && answer.Type != "success" {
			err = fmt.Errorf("%s: %s", script, answer.ExceptionDetails.Text)
		}
		if err != nil {
			return err
		}
		return decode(answer.Result.Value, value)
	}
	w.hide = func(hidden bool) error {
		front := page
		if hidden {
			front = other
		}
		return b.call("browsingContext.activate", map[string]any{"context": front}, nil)
	}
	require.NoError(t, w.hide(false))
	return w
}

// bidi is a session of WebDriver BiDi, for one call at a time.
type bidi struct {
	conn *websocket.Conn
	last int
}

func (b *bidi) tab(t testing.TB) (context string) {
	var made struct{ Context string }
	require.NoError(t, b.call("browsingContext.create", map[string]any{"type": "tab"}, &made))
	return made.Context
}

func (b *bidi) call(method string, params any, result any) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	b.last++
	if err := wsjson.Write(ctx, b.conn, map[string]any{"id": b.last, "method": method, "params": params}); err != nil {
		return err
	}
	for {
		var answer struct {
			ID             int
			Error, Message string
			Result         json.RawMessage
		}
		if err := wsjson.Read(ctx, b.conn, &answer); err != nil {
			return err
		}
		switch {
		case answer.ID != b.last: // an event
		case answer.Error != "":
			return fmt.Errorf("%s: %s: %s", method, answer.Error, answer.Message)
		case result == nil:
			return nil
		default:
			return json.Unmarshal(answer.Result, result)
		}
	}
}

// webkit opens MiniBrowser of WebKitGTK on a screen of its own, and a page of it, by WebDriver. It plays HLS itself where its environment says so.
func webkit(t testing.TB) *window {
	t.Helper()
	address := freeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	command := exec.Command("xvfb-run", "-a", "-s", "-screen 0 1024x768x24", "WebKitWebDriver", "--host=127.0.0.1", "--port="+port)
	command.Env = append(os.Environ(), "WEBKIT_GST_ENABLE_HLS_SUPPORT=1")
	printed, stop := spawn(t, command)
	eventually(t, func() bool {
		response, err := http.Get("http://" + address + "/status")
		if err == nil {
			_ = response.Body.Close()
		}
		return err == nil
	}, "WebKitWebDriver says: %s", printed.String)
	driver := webDriver("http://" + address + "/session")
	var session struct{ SessionID string }
	require.NoError(t, driver.post("", map[string]any{"capabilities": map[string]any{"alwaysMatch": map[string]any{
		"timeouts":                 map[string]int64{"script": patience.Milliseconds()},
		"webkitgtk:browserOptions": map[string]any{"binary": miniBrowser(), "args": []string{"--automation"}},
	}}}, &session), "WebKitWebDriver says: %s", printed)
	own := "/" + session.SessionID
	return &window{
		close:    stop,
		navigate: func(url string) error { return driver.post(own+"/url", map[string]string{"url": url}, nil) },
		evaluate: func(script string, value any) error {
			var text string
			body := map[string]any{"args": []any{}, "script": "return " + asJSON(script)}
			if err := driver.post(own+"/execute/sync", body, &text); err != nil {
				return err
			}
			return decode(text, value)
		},
	}
}

// webDriver is where sessions of WebDriver are made.
type webDriver string

// post sends a command to the path beneath, and decodes its value into result (nil for none).
func (d webDriver) post(path string, body, result any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, string(d)+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct{ Value json.RawMessage }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, answer.Value)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, result)
}

// miniBrowser is where Debian has WebKit's, which is in no PATH.
func miniBrowser() string {
	found, _ := filepath.Glob("/usr/lib/*/webkit*gtk-*/MiniBrowser")
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}
