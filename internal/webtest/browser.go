// Package webtest looks at the pages with a real browser: Debian's Chromium,
// driven over the DevTools protocol. It is a module of its own so that the
// driver stays out of the product.
//
// The driver's interface changes often; only this file knows it.
package webtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Screen is how a page is looked at.
type Screen struct {
	Name          string
	Width, Height int
	Dark          bool
	Script        bool // pages may run JavaScript; ours have none
	Print         bool
}

// Browser is one browser with a profile of its own. Tabs are opened with Tab.
type Browser struct {
	ctx  context.Context
	stop []func()
}

// Start starts a browser with its profile in dir.
func Start(ctx context.Context, dir string) (*Browser, error) {
	path, err := find("chromium", "chromium-browser", "google-chrome")
	if err != nil {
		return nil, err
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.NoSandbox, // containers run tests as root
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("lang", "en-US"),
	)
	allocator, stop := chromedp.NewExecAllocator(ctx, options...)
	b := &Browser{stop: []func(){stop}}
	var cancel context.CancelFunc
	b.ctx, cancel = chromedp.NewContext(allocator)
	b.stop = append(b.stop, cancel)
	if err := chromedp.Do(b.ctx); err != nil {
		b.Close()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return b, nil
}

func find(names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no Chromium found: run internal/webtest/run.sh, or apt-get install chromium")
}

// Close ends the browser.
func (b *Browser) Close() {
	for i := len(b.stop) - 1; i >= 0; i-- {
		b.stop[i]()
	}
}

// Tab is a page in the browser.
type Tab struct {
	ctx  context.Context
	stop context.CancelFunc
}

// patience is how long one step may take.
const patience = 30 * time.Second

// Tab opens a tab for a screen.
func (b *Browser) Tab(screen Screen) (*Tab, error) {
	ctx, stop := chromedp.NewContext(b.ctx)
	t := &Tab{ctx, stop}
	// The tab lives as long as the context of its first step: not one with the
	// time-out of a step.
	err := chromedp.Do(ctx)
	if err == nil {
		err = t.Look(screen)
	}
	if err != nil {
		stop()
		return nil, err
	}
	return t, nil
}

// Look changes the screen of the tab.
func (t *Tab) Look(screen Screen) error {
	scheme := "light"
	if screen.Dark {
		scheme = "dark"
	}
	media := ""
	if screen.Print {
		media = "print"
	}
	return t.do(func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		var none chromedp.Void
		if _, err := cdp.Call(ctx, target, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: int64(screen.Width), Height: int64(screen.Height), DeviceScaleFactor: 1, Mobile: screen.Width < 600,
		}); err != nil {
			return none, err
		}
		if _, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Media:    media,
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		}); err != nil {
			return none, err
		}
		if _, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !screen.Script}); err != nil {
			return none, err
		}
		// A tab behind another paints nothing.
		_, err := cdp.Call(ctx, target, page.BringToFront, cdp.Empty{})
		return none, err
	})
}

// Close closes the tab.
func (t *Tab) Close() { t.stop() }

func (t *Tab) do(steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// Open goes to an address and waits for the page.
func (t *Tab) Open(address string) error {
	if err := t.do(chromedp.Navigate(address)); err != nil {
		return fmt.Errorf("open %s: %w", address, err)
	}
	return nil
}

// Press clicks the first element that a CSS selector names. With leads, it
// waits for the page that the click leads to.
func (t *Tab) Press(selector string, leads bool) error {
	click := chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible)
	err := t.leading(leads, click)
	if err != nil {
		return fmt.Errorf("press %s: %w", selector, err)
	}
	return nil
}

// Type types a text into the field that a CSS selector names.
func (t *Tab) Type(selector, text string) error {
	if err := t.do(chromedp.SendKeys(chromedp.CSS(selector), text, chromedp.NodeVisible)); err != nil {
		return fmt.Errorf("type into %s: %w", selector, err)
	}
	return nil
}

// Key presses a key as a person without a mouse does: "Tab", "Enter", "Space",
// "Backspace", "End", or a character.
func (t *Tab) Key(key string, leads bool) error {
	keys := map[string]string{"Tab": kb.Tab, "Enter": kb.Enter, "Space": " ", "Backspace": kb.Backspace, "End": kb.End}
	k, ok := keys[key]
	if !ok {
		k = key
	}
	if err := t.leading(leads, chromedp.KeyEvent(k)); err != nil {
		return fmt.Errorf("key %s: %w", key, err)
	}
	return nil
}

func (t *Tab) leading(leads bool, action chromedp.Action[chromedp.Void]) error {
	if !leads {
		return t.do(action)
	}
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.WaitEvent(page.LoadEventFired, nil, action))
	return err
}

// Ask evaluates an expression in the page. The protocol may do that where the
// page itself may run no script.
func Ask[T any](t *Tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		return v, fmt.Errorf("ask the page %.60q: %w", expression, err)
	}
	return v, nil
}

// Await evaluates an expression in the page that gives a promise, and waits for
// what it promises.
func Await[T any](t *Tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		return v, fmt.Errorf("await %.60q: %w", expression, err)
	}
	return v, nil
}

// Upload puts a file into a field for files.
func (t *Tab) Upload(selector, path string) error {
	if err := t.do(chromedp.SetUploadFiles(chromedp.CSS(selector), []string{path})); err != nil {
		return fmt.Errorf("upload into %s: %w", selector, err)
	}
	return nil
}

// PDF prints the page on A4 paper, with the margins of its style sheet.
func (t *Tab) PDF() ([]byte, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	const a4Width, a4Height = 8.27, 11.69 // inches
	own := true
	result, err := chromedp.Call(ctx, page.PrintToPDF, page.PrintToPDFParams{
		PaperWidth: a4Width, PaperHeight: a4Height, PreferCSSPageSize: &own,
	})
	if err != nil {
		return nil, fmt.Errorf("print: %w", err)
	}
	return result.Data, nil
}

// Forget deletes the browser's cookies.
func (t *Tab) Forget() error {
	return t.do(func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, network.ClearBrowserCookies, cdp.Empty{})
		return chromedp.Void{}, err
	})
}

// Shot writes a picture as PNG: of the whole page, or of what the screen shows.
func (t *Tab) Shot(path string, whole bool) error {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	action := chromedp.CaptureScreenshot()
	if whole {
		action = chromedp.FullScreenshot(100)
	}
	png, err := chromedp.Run(ctx, action)
	if err != nil {
		return fmt.Errorf("picture %s: %w", filepath.Base(path), err)
	}
	return os.WriteFile(path, png, 0o644)
}

// Finding is one thing that axe does not accept.
type Finding struct {
	Rule, Impact, Help string
	Where              []string
}

func (f Finding) String() string {
	return fmt.Sprintf("%s (%s): %s: %s", f.Rule, f.Impact, f.Help, strings.Join(f.Where, "; "))
}

// Axe checks the page with axe-core, all rules but the experimental ones. The
// protocol injects it, so the page's own policy stays as strict as it is.
func (t *Tab) Axe() ([]Finding, error) {
	source, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		return nil, fmt.Errorf("axe-core is missing (npm ci): %w", err)
	}
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](string(source)+"; true")); err != nil {
		return nil, fmt.Errorf("inject axe-core: %w", err)
	}
	const run = `axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.map(v => ({
		Rule: v.id, Impact: v.impact, Help: v.help, Where: v.nodes.map(n => n.target.join(" ") + " " + (n.any.concat(n.all)[0] || {message: ""}).message)}))))`
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](run, chromedp.EvalAwaitPromise))
	if err != nil {
		return nil, fmt.Errorf("run axe-core: %w", err)
	}
	var findings []Finding
	return findings, json.Unmarshal([]byte(text), &findings)
}

// Cookie is a cookie of the browser.
type Cookie = network.Cookie

// Cookies returns the cookies that the page's address gets.
func (t *Tab) Cookies() ([]Cookie, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		return nil, fmt.Errorf("read cookies: %w", err)
	}
	var out []Cookie
	for _, c := range result.Cookies {
		out = append(out, *c)
	}
	return out, nil
}

// SetCookies gives cookies back to the browser.
func (t *Tab) SetCookies(cookies []Cookie) error {
	for _, c := range cookies {
		if err := t.do(func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
			_, err := cdp.Call(ctx, target, network.SetCookie, network.SetCookieParams{
				Name: c.Name, Value: c.Value, Domain: c.Domain, Path: c.Path, HTTPOnly: &c.HTTPOnly, SameSite: c.SameSite,
			})
			return chromedp.Void{}, err
		}); err != nil {
			return fmt.Errorf("set cookie: %w", err)
		}
	}
	return nil
}
