package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/openfairlead/fairlead/applications"
)

//go:embed templates
var templateFiles embed.FS

// pages are the parsed templates, by language, because messages are said while a
// template runs. The file x.html defines "page x": what the layout surrounds. All
// files share one set: a copy of the shared parts for each page would take more
// memory than all else that an idle server holds.
type pages map[tongue]*template.Template

func mustPages(languages []string) pages {
	out := pages{}
	for _, lang := range languages {
		l := tongue(lang)
		funcs := template.FuncMap{
			"t": l.say, "n": l.count, "p": l.markup, "num": l.number,
			"dict":  dict,
			"asset": func(name string) string { return "/assets/" + assetTag + "/" + name },
		}
		out[l] = template.Must(template.New("").Funcs(funcs).ParseFS(templateFiles, "templates/*.html"))
	}
	return out
}

// assetTag names the contents of the assets in their addresses.
var assetTag = func() string {
	h := sha256.New()
	err := fs.WalkDir(assetFiles, "assets", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := assetFiles.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n", path, len(b))
		h.Write(b)
		return err
	})
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}()

// frame is what surrounds every page. Each page's view model embeds it.
type frame struct {
	Lang      string
	Languages []languageLink // the others, to switch to
	Title     string         // of the document; parts are joined by the page
	Failed    bool           // the page shows errors: the title says so first
	Draft     bool           // the language's messages are an unreviewed draft
	Narrow    bool           // one column for reading and answering
	Brand     phrase
	BrandHref string
	Staff     bool
	Here      string // the staff menu's current entry
	Crumbs    []crumb
	Privacy   string // address of the call's privacy page, or ""
	Script    string // module that the page is livelier with, or ""

	tongue tongue
}

type languageLink struct{ Lang, Name, Href string }

type crumb struct {
	Label phrase
	Href  string // "" for the page itself
}

func (f *frame) base() *frame { return f }

type view interface{ base() *frame }

// fault is one line of the error summary, linked to its field.
type fault struct{ Field, Message string }

func (s *server) frame(r *http.Request) frame {
	l := s.tongueOf(r)
	f := frame{
		Lang: string(l), tongue: l, Draft: l == "es", Narrow: true,
		Brand: phrase{"Fairlead", "en"}, BrandHref: "/calls",
	}
	if r.Method == http.MethodGet { // a link would lose what was posted
		for _, other := range s.Languages {
			if other == string(l) {
				continue
			}
			q := r.URL.Query()
			q.Set("lang", other)
			f.Languages = append(f.Languages, languageLink{other, languageNames[other], r.URL.Path + "?" + q.Encode()})
		}
	}
	return f
}

// callFrame is the frame of the pages of one call.
func (s *server) callFrame(r *http.Request, p *applications.Program) frame {
	f := s.frame(r)
	f.Brand = f.tongue.phrase(p.Title)
	f.BrandHref = "/calls/" + p.ID
	f.Privacy = "/calls/" + p.ID + "/privacy"
	return f
}

func (s *server) staffFrame(r *http.Request, here string) frame {
	f := s.frame(r)
	f.Narrow, f.Staff, f.Here = false, true, here
	f.BrandHref = "/programs"
	return f
}

// titled sets the document's title from its parts, the most particular first.
func (f *frame) titled(parts ...string) {
	parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
	f.Title = strings.Join(parts, " – ")
}

// render writes a page whole or not at all.
func (s *server) render(w http.ResponseWriter, r *http.Request, status int, name string, v view) {
	var b bytes.Buffer
	if err := s.pages.execute(&b, name, v); err != nil {
		s.Log.ErrorContext(r.Context(), "template failed", "page", name, "error", err)
		http.Error(w, "The page could not be made.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", v.base().Lang)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(b.Bytes())
	}
}

func (p pages) execute(b *bytes.Buffer, name string, v view) error {
	set := p[v.base().tongue]
	var main bytes.Buffer
	if err := set.ExecuteTemplate(&main, "page "+name, v); err != nil {
		return err
	}
	return set.ExecuteTemplate(b, "layout", struct {
		*frame
		Main template.HTML // escaped where it was made
	}{v.base(), template.HTML(main.String())})
}

// seeOther ends every successful post.
func seeOther(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// localPath returns an address of this site as it is, and "" for any other.
func localPath(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") ||
		strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return ""
	}
	return u.RequestURI()
}

// zoneOf is the time zone of a call; UTC if the server does not know it.
func zoneOf(p *applications.Program) *time.Location {
	if z, err := time.LoadLocation(p.Window.Zone); err == nil {
		return z
	}
	return time.UTC
}

// errorPage is what is shown when there is nothing else to show.
type errorPage struct {
	frame
	Heading, Text string
	Reference     string // of a fault of ours, as the log names it
	status        int
}

func (e *errorPage) fill(code applications.Code, reason string, err error) {
	l := e.tongue
	e.status = http.StatusInternalServerError
	key := "internal"
	switch code {
	case applications.NotFound:
		e.status, key = http.StatusNotFound, "not_found"
	case applications.PermissionDenied:
		e.status, key = http.StatusForbidden, "forbidden"
		if reason == "CROSS_ORIGIN" {
			key = "cross_origin"
		}
	case applications.Unauthenticated:
		e.status, key = http.StatusUnauthorized, "sign_in"
		if reason == "LINK_NEEDED" {
			key = "link"
		}
	case applications.Aborted:
		e.status, key = http.StatusConflict, "changed"
	case applications.ResourceExhausted:
		e.status, key = http.StatusTooManyRequests, "too_many"
		if reason == "BODY_TOO_LARGE" {
			e.status, key = http.StatusRequestEntityTooLarge, "too_large"
		}
	case applications.Unavailable, applications.DeadlineExceeded, applications.Canceled:
		e.status, key = http.StatusServiceUnavailable, "busy"
	case applications.InvalidArgument, applications.FailedPrecondition, applications.AlreadyExists:
		e.status, key = http.StatusConflict, "refused"
		if code == applications.InvalidArgument {
			e.status = http.StatusBadRequest
		}
	}
	e.Failed = true
	e.Heading, e.Text = l.say("error."+key), l.say("error."+key+".text")
	if m := publicMessage(err); key == "refused" && m != "" {
		e.Text = m
	}
	e.titled(e.Heading, "Fairlead")
}

// gone says that an application was erased.
func (e *errorPage) gone() {
	e.status = http.StatusGone
	e.Heading, e.Text = e.tongue.say("status.erased"), e.tongue.say("status.erased.text")
	e.titled(e.Heading, "Fairlead")
}

// publicMessage is what an error of ours says to people, or "".
func publicMessage(err error) string {
	e, ok := asError(err)
	if !ok {
		return ""
	}
	return e.Message
}

func typeName(v any) string { return fmt.Sprintf("%T", v) }
func stack() string         { return string(debug.Stack()) }

// dict passes several values to a shared part of a template.
func dict(pairs ...any) (map[string]any, error) {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %T is no name", pairs[i])
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}
