package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/cors"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/forwarded"
	"github.com/sluice-live/sluice/cmd/sluice/internal/relay"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/packager/origin"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/public/prefix"
)

// mayWatch asks whether the client may watch the stream of the path, by a token in the header or in the address.
func (h *handlers) mayWatch(r *http.Request) (held, error) {
	return h.mayHold(r, access.Watch, r.PathValue("stream"), access.TokenOfViewer(r))
}

// held is a grant, with the question that it answers.
type held struct {
	access.Grant
	gate     *access.Gate
	question access.Request
}

// mayHold is may, for what lasts.
func (h *handlers) mayHold(r *http.Request, action access.Action, stream, token string) (held, error) {
	question := access.Of(r, action, stream)
	question.Token = token
	grant, err := h.rights().May(r.Context(), question)
	return held{grant, h.rights(), question}, err
}

// right is what a session has of it.
func (h held) right() session.Right {
	return session.Right{Until: h.Until, Hold: h.gate.Holding(h.question, h.Grant), Ends: h.Key != ""}
}

// lasting is a context that ends with the right, however that ends.
func (h held) lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	var cancel context.CancelFunc
	if h.Until.IsZero() {
		ctx, cancel = context.WithCancel(ctx)
	} else {
		ctx, cancel = context.WithDeadline(ctx, h.Until)
	}
	release := h.gate.Hold(h.question, h.Grant, cancel)
	return ctx, func() {
		release()
		cancel()
	}
}

// watching is for viewers over WebRTC: an offer needs the right to watch, and what comes of it ends with that. The address of a session cannot be
// guessed, and stands for itself.
//
// A relay that asks for all who watch there shows a signature that they may, which it has asked them about: it stands for the right, as in manifests.
func (t table) watching(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		relayed, forOne := forwarded.ByRelay(r)
		shared, signature := relayed && !forOne, r.URL.Query().Get(relay.SignatureOfPull)
		if shared {
			r = session.By(r, session.Right{Shared: true})
		}
		if t.gate.Open(access.Watch) || r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		if shared && signature != "" {
			if err := t.gate.Check(r.PathValue("stream"), signature); err != nil {
				refuse(w, err)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		grant, err := t.mayWatch(r)
		if err != nil {
			refuse(w, err)
			return
		}
		right := grant.right()
		right.Shared = shared
		next.ServeHTTP(w, session.By(r, right))
	})
}

// viewing is for who wants to know how a stream is. What lasts ends with the right.
func (t table) viewing(next http.Handler) http.Handler {
	if t.gate.Open(access.Watch) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		grant, err := t.mayWatch(r)
		if err != nil {
			refuse(w, err)
			return
		}
		ctx, cancel := grant.lasting(r.Context())
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// hearing is for who takes the sound of another stream (audio), which needs the right to that.
func (t table) hearing(next http.Handler) http.Handler {
	if t.gate.Open(access.Watch) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if other := r.URL.Query().Get("audio"); other != "" && !cors.IsPreflight(r) {
			if _, err := t.may(r, access.Watch, other, access.TokenOfSocket(r)); err != nil {
				refuse(w, err)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// privately keeps answers out of shared caches where watching takes a right: what is asked for with a token is for its client alone.
func (t table) privately(next http.Handler) http.Handler {
	if t.gate.Open(access.Watch) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(&privateWriter{w}, r) })
}

// privateWriter writes private for public.
type privateWriter struct{ http.ResponseWriter }

// WriteHeader sends the header.
func (w *privateWriter) WriteHeader(status int) {
	if rest, public := strings.CutPrefix(w.Header().Get("Cache-Control"), "public"); public {
		w.Header().Set("Cache-Control", "private"+rest)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *privateWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// manifests is for players. Who shows a token gets manifests that name the others by a signature, which stands for the right from then on; it
// is the same for all whose rights end in the same interval. Segments and parts have names that cannot be guessed.
func (t table) manifests(next http.Handler) http.Handler {
	if t.gate.Open(access.Watch) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, stream := r.PathValue("file"), r.PathValue("stream")
		plain, signature := origin.CutSignature(file)
		switch {
		case strings.Contains(file, "/") || cors.IsPreflight(r):
			next.ServeHTTP(w, r)
			return
		case signature != "":
			if err := t.gate.Check(stream, signature); err != nil {
				refuse(w, err)
				return
			}
			r.SetPathValue("file", plain)
			next.ServeHTTP(w, origin.Signed(r, signature, false))
			return
		}
		grant, err := t.mayWatch(r)
		if err != nil {
			refuse(w, err)
			return
		}
		next.ServeHTTP(w, origin.Signed(r, t.gate.Sign(stream, grant.Until), true))
	})
}

// recorded is for who watches recordings, and has them as they were received. Of a signed address the directory has the signature.
func (t table) recorded(next http.Handler) http.Handler {
	if t.gate.Open(access.Watch) {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stream := r.PathValue("stream")
		name, signature, signed := strings.Cut(r.PathValue("recording"), "~")
		if cors.IsPreflight(r) {
			next.ServeHTTP(w, r)
			return
		}
		action := access.Watch
		if strings.HasPrefix(r.PathValue("file"), "source-") {
			action, signed = access.Record, false
		}
		if signed {
			if err := t.gate.Check(stream, signature); err != nil {
				refuse(w, err)
				return
			}
			r.SetPathValue("recording", name)
			next.ServeHTTP(w, r)
			return
		}
		grant, err := t.may(r, action, stream, access.TokenOfViewer(r))
		if err != nil {
			refuse(w, err)
			return
		}
		base := prefix.Of(r) + "/recordings/" + stream + "/" + name + "~" + t.gate.Sign(stream, grant.Until) + "/"
		next.ServeHTTP(w, origin.SignedBelow(r, base))
	})
}

// sight says which streams the client of a request is told of. The error is an *access.RefusedError.
func (h *handlers) sight(r *http.Request) (sees func(stream string) bool, until held, err error) {
	gate, token := h.rights(), access.TokenOfViewer(r)
	until, err = h.mayHold(r, access.Watch, access.EveryStream, token)
	all := err == nil
	if !all {
		if until, err = h.mayHold(r, access.Watch, "", token); err != nil {
			return nil, until, err
		}
	}
	quick := func(action access.Action, stream string) bool { // there may be many streams: the callback is not asked about each
		question := access.Of(r, action, stream)
		question.Token, question.Quick = token, true
		_, err := gate.May(r.Context(), question)
		return err == nil
	}
	return func(stream string) bool {
		if h.service.IsUnlisted(stream) && !(token != "" && !gate.Open(access.Admin) && quick(access.Admin, stream)) {
			return false
		}
		return all || quick(access.Watch, stream)
	}, until, nil
}

// defaultRecordings is how many recordings are listed where the client does not say how many it wants.
const defaultRecordings = 500

// serveRecordingsList lists the recordings that the client may watch, newest first.
func (h *handlers) serveRecordingsList(w http.ResponseWriter, r *http.Request) {
	sees, _, err := h.sight(r)
	if err != nil {
		refuse(w, err)
		return
	}
	after, limit, ok := readPage(w, r, defaultRecordings)
	if !ok {
		return
	}
	stream, name, _ := strings.Cut(after, "/")
	list := api.RecordingList{Recordings: []recording.Info{}}
	for info := range h.service.Packager().RecordingsBehind(stream, name) {
		if len(list.Recordings) == limit {
			last := list.Recordings[limit-1]
			list.Next = pageToken(last.Stream + "/" + last.Name)
			break
		}
		if sees(info.Stream) {
			list.Recordings = append(list.Recordings, info)
		}
	}
	writeTagged(w, r, h.withOthers(r, list, limit))
}
