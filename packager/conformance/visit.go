package conformance

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Visit is one request's answer.
type Visit struct {
	Asked  time.Time // when the request was made; zero: not known
	Begun  time.Time // when the answer's headers came; zero: not known
	At     time.Time // when the answer was complete
	URL    string    // absolute
	Status int
	Header http.Header
	Body   []byte // without its content encoding
}

// path is the URL without query and fragment: what says which resource it is.
func (v *Visit) path() string {
	name, _, _ := strings.Cut(v.URL, "?")
	name, _, _ = strings.Cut(name, "#")
	return name
}

func (v *Visit) is(suffix string) bool { return strings.HasSuffix(v.path(), suffix) }

// manifest reports whether the visit is one of a playlist or an MPD.
func (v *Visit) manifest() bool { return v.is(".m3u8") || v.is(".mpd") }

// media reports whether the visit is one of an init or media segment.
func (v *Visit) media() bool { return v.is(".mp4") || v.is(".m4s") }

// query is a parameter of the URL.
func (v *Visit) query(name string) string {
	u, err := url.Parse(v.URL)
	if err != nil {
		return ""
	}
	return u.Query().Get(name)
}

// resolve makes a reference inside the visited document absolute, without its query.
func (v *Visit) resolve(reference string) string {
	base, err := url.Parse(v.URL)
	if err != nil {
		return reference
	}
	u, err := base.Parse(reference)
	if err != nil {
		return reference
	}
	u.RawQuery, u.Fragment = "", ""
	return u.String()
}

// Violation is one rule broken.
type Violation struct {
	Rule   string // specification, section and subject
	URL    string
	At     time.Time
	Detail string
}

// String tells of the violation in one line.
func (v Violation) String() string {
	return fmt.Sprintf("%s: %s at %s: %s", v.Rule, v.URL, v.At.Format("15:04:05.000"), v.Detail)
}

// Options are how strict a check of live timing is. The zero value is for a Collector on the same machine.
type Options struct {
	// Tolerance is added to every limit on when something had to appear (and is how late it may be stamped): it stands for the
	// interval between visits and for a busy machine. Default 1 s.
	Tolerance time.Duration
}

func (o Options) tolerance() time.Duration { return cmp.Or(o.Tolerance, time.Second) }

// report gathers violations; the same one found in many visits is kept once, as first seen.
type report struct {
	violations []Violation
	seen       map[Violation]bool
}

func (r *report) add(rule string, v *Visit, detail string) {
	key := Violation{Rule: rule, URL: v.path(), Detail: detail}
	if detail == "" || r.seen[key] {
		return
	}
	if r.seen == nil {
		r.seen = make(map[Violation]bool)
	}
	r.seen[key] = true
	key.At = v.At
	r.violations = append(r.violations, key)
}

// byTime sorts pointers to visits by time.
func byTime(visits []Visit) []*Visit {
	all := make([]*Visit, len(visits))
	for i := range visits {
		all[i] = &visits[i]
	}
	slices.SortStableFunc(all, func(a, b *Visit) int { return a.At.Compare(b.At) })
	return all
}

// archive finds visits by resource.
type archive struct {
	all    []*Visit // by time
	byPath map[string][]*Visit
}

func newArchive(visits []Visit) *archive {
	a := &archive{all: byTime(visits), byPath: make(map[string][]*Visit)}
	for _, v := range a.all {
		a.byPath[v.path()] = append(a.byPath[v.path()], v)
	}
	return a
}

// body is a resource's content, from its first good visit.
func (a *archive) body(path string) ([]byte, bool) {
	for _, v := range a.byPath[path] {
		if v.Status == http.StatusOK && len(v.Body) > 0 {
			return v.Body, true
		}
	}
	return nil, false
}
