package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// cameraFPS are the pictures that the fake cameras make a second: enough for what tests see, as each costs in every page that shows it.
const cameraFPS = 10

// browser is a headless Chromium with a fake camera.
type browser struct {
	t   testing.TB
	ctx context.Context
}

// The browsers that tests share; they end in TestMain.
var (
	cameraBrowser = &sharedBrowser{} // with Chromium's own fake camera
	filmBrowser   = &sharedBrowser{film: true}
)

// sharedBrowser is started by the first test that needs it. Tests do not see each other's pages, storage and permissions.
type sharedBrowser struct {
	film bool // its camera shows cameraPicture

	mu   sync.Mutex
	ctx  context.Context
	stop func()
}

// forTest gives a test a browser context of its own, which ends with the test.
func (s *sharedBrowser) forTest(t testing.TB) *browser {
	t.Helper()
	ctx, stop := chromedp.NewContext(s.running(t), chromedp.WithNewBrowserContext())
	t.Cleanup(stop)
	require.NoError(t, chromedp.Do(ctx), "make a browser context")
	return &browser{t, ctx}
}

func (s *sharedBrowser) running(t testing.TB) context.Context {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx != nil {
		return s.ctx
	}
	var options []chromedp.ExecAllocatorOption
	if s.film {
		options = append(options, filmCamera(t, filepath.Dir(program)))
	}
	ctx, stop, err := launchBrowser(options...)
	require.NoError(t, err, "start chromium")
	s.ctx, s.stop = ctx, stop
	return ctx
}

// end ends the browser, if it was started.
func (s *sharedBrowser) end() {
	if s.stop != nil {
		s.stop()
	}
}

// startBrowser starts a Chromium of the test's own, with more options where it needs them; it ends with the test.
func startBrowser(t testing.TB, more ...chromedp.ExecAllocatorOption) *browser {
	t.Helper()
	ctx, stop, err := launchBrowser(more...)
	require.NoError(t, err, "start chromium")
	t.Cleanup(stop)
	return &browser{t, ctx}
}

func launchBrowser(more ...chromedp.ExecAllocatorOption) (ctx context.Context, stop func(), err error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.NoSandbox,
		chromedp.ExecPath("/usr/bin/chromium"),
		chromedp.Flag("use-fake-device-for-media-stream", fmt.Sprint("fps=", cameraFPS)),
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("force-device-scale-factor", "0.5"), // a quarter of the pixels, which the CPU has to put together
		chromedp.Flag("mute-audio", false),
		chromedp.Flag("disable-background-timer-throttling", true),
		chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true),
		chromedp.WindowSize(800, 600),
	)
	allocator, release := chromedp.NewExecAllocator(context.Background(), append(options, more...)...)
	ctx, end := chromedp.NewContext(allocator)
	stop = func() { end(); release() }
	if err = chromedp.Do(ctx); err != nil {
		stop()
	}
	return ctx, stop, err
}

// forTest is the same browser, whose new tabs belong to a part of the test.
func (b *browser) forTest(t testing.TB) *browser { return &browser{t, b.ctx} }

// askForCamera has a browser of a test ask before a page gets the camera, as that of a first-time user does; the browser then says yes
// by itself. Without it the publish page finds that it is allowed to, and opens the camera unasked.
func (b *browser) askForCamera() {
	b.t.Helper()
	ask := cdpbrowser.SetPermissionParams{
		Permission:       &cdpbrowser.PermissionDescriptor{Name: "camera"},
		Setting:          cdpbrowser.PermissionSettingPrompt,
		BrowserContextID: chromedp.FromContext(b.ctx).BrowserContextID,
	}
	_, err := chromedp.CallBrowser(b.ctx, cdpbrowser.SetPermission, ask)
	require.NoError(b.t, err, "have the browser ask for the camera")
}

// tab is one page of a browser.
type tab struct {
	t   testing.TB
	ctx context.Context
	log *output // console and exceptions

	close context.CancelFunc // the tab, at the end of the test at the latest
}

// open shows a URL in a new tab.
func (b *browser) open(url string) *tab {
	b.t.Helper()
	ctx, stop := chromedp.NewContext(b.ctx)
	b.t.Cleanup(stop)
	p := &tab{b.t, ctx, &output{}, stop}
	require.NoError(b.t, chromedp.Do(ctx), "open a tab")
	go p.listen(chromedp.Console(ctx))
	p.navigate(url)
	b.t.Cleanup(func() {
		if b.t.Failed() {
			b.t.Logf("console of %s:\n%s", url, p.log.tail(4000))
			p.screenshot("failed")
		}
	})
	return p
}

// navigate shows a URL in place of what the tab shows, and returns when it is loaded.
func (p *tab) navigate(url string) {
	p.t.Helper()
	require.NoError(p.t, chromedp.Do(p.ctx, chromedp.Navigate(url)), "open %s", url)
}

// listen keeps what the page writes to its console until the tab is closed.
func (p *tab) listen(console iter.Seq2[chromedp.ConsoleMessage, error]) {
	for message, err := range console {
		if err != nil {
			return
		}
		line := message.String()
		if message.Source == "network" {
			line += " " + message.URL
		}
		_, _ = p.log.Write([]byte(line + "\n"))
	}
}

// run evaluates JavaScript, waits for its promise, and decodes the result into value (nil for none).
func (p *tab) run(script string, value any) {
	p.t.Helper()
	require.NoError(p.t, p.evaluate(script, value))
}

func (p *tab) evaluate(script string, value any) error {
	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	asUser := func(parameters *runtime.EvaluateParams) { parameters.UserGesture = new(true) }
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](asJSON(script), chromedp.EvalAwaitPromise, asUser))
	if err != nil {
		return fmt.Errorf("%s: %w", script, err)
	}
	if value == nil {
		return nil
	}
	if err := json.Unmarshal([]byte(text), value); err != nil {
		return fmt.Errorf("%s gave %s: %w", script, text, err)
	}
	return nil
}

// asJSON is a promise of the JSON of what JavaScript gives.
func asJSON(script string) string {
	return "(async () => JSON.stringify(await (" + script + ") ?? null))()"
}

// wait evaluates JavaScript until it is true.
func (p *tab) wait(what, condition string) {
	p.t.Helper()
	eventually(p.t, func() (met bool) {
		p.run("Boolean("+condition+")", &met)
		return met
	}, "%s: %s", what, condition)
}

// click presses what a selector finds, once it is in sight, enabled and not covered. It does so in the page: a mouse event of the
// browser waits for a picture of the page, which on a busy machine may never be painted.
func (p *tab) click(selector string) {
	p.t.Helper()
	p.wait("click "+selector, fmt.Sprintf(`(() => {
		const target = document.querySelector(%q);
		if (!target || target.disabled) return false;
		target.scrollIntoView({ block: "center" });
		const box = target.getClientRects()[0], top = box && document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
		if (!top || !(target.contains(top) || top.closest("label")?.control === target)) return false;
		target.click();
		return true;
	})()`, selector))
}

// screenshot keeps a picture of the page in E2E_SCREENSHOTS, if that is set.
func (p *tab) screenshot(name string) {
	directory := os.Getenv("E2E_SCREENSHOTS")
	if directory == "" {
		return
	}
	if picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100)); err == nil {
		name = sanitize(strings.ToLower(p.t.Name())) + "-" + name + ".png"
		_ = os.WriteFile(filepath.Join(directory, name), picture, 0o644)
	}
}
