package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/sluice-live/sluice/packager/timeline"
)

// putFile puts a published file there. The error is fs.ErrNotExist where it is not here any more.
func (s *Stream) putFile(ctx context.Context, epoch, name, mime string) error {
	f, err := s.source.Open(epoch, name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return s.send(ctx, epoch+"/"+name, mime, f, info.Size())
}

// send puts bytes there under a name below the stream's.
func (s *Stream) send(ctx context.Context, name, mime string, body io.ReaderAt, size int64) error {
	put := func(statuses ...int) (status int, err error) {
		again := func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(body, 0, size)), nil } // a file is closed by who has opened it
		first, _ := again()
		r, err := s.request(ctx, http.MethodPut, name, first)
		if err != nil {
			return 0, err
		}
		r.Header.Set("Content-Type", mime)
		r.ContentLength = size
		r.GetBody = again
		return s.do(r, append(statuses, http.StatusOK, http.StatusCreated, http.StatusNoContent)...)
	}
	status, err := put(http.StatusConflict)
	if err == nil && status == http.StatusConflict {
		if err = s.makeCollections(ctx, path.Dir(name)); err == nil {
			_, err = put()
		}
	}
	if err != nil {
		return err
	}
	s.count(func(state *State) { state.Files++; state.Bytes += uint64(size) })
	return nil
}

// makeCollections makes the stream's directory and the one below it, if that is another one: WebDAV creates none by a PUT, and answers
// 409 where one is missing (RFC 4918 §9.7.1). Those that are there answer 405 (§9.3.1).
func (s *Stream) makeCollections(ctx context.Context, below string) error {
	for _, directory := range []string{"", below + "/"} {
		if directory == "./" {
			continue
		}
		r, err := s.request(ctx, "MKCOL", directory, nil)
		if err != nil {
			return err
		}
		if _, err := s.do(r, http.StatusOK, http.StatusCreated, http.StatusMethodNotAllowed); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stream) request(ctx context.Context, method, name string, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.target.URL, "/")+"/"+url.PathEscape(s.name)+"/"+name, body)
	if err != nil {
		return nil, err
	}
	if name, value, ok := strings.Cut(s.target.Header, ":"); ok {
		r.Header.Set(name, strings.TrimSpace(value))
	}
	return r, nil
}

// do sends a request that is to be answered by one of the statuses, and returns which. Failures are counted.
func (s *Stream) do(r *http.Request, statuses ...int) (status int, err error) {
	answer, err := s.client.Do(r)
	if err == nil {
		io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // so that the connection is used again
		answer.Body.Close()
		for _, status := range statuses {
			if answer.StatusCode == status {
				return status, nil
			}
		}
		err = fmt.Errorf("the server answered %s", answer.Status)
	}
	if why := (*url.Error)(nil); errors.As(err, &why) {
		err = why.Err // the URL may have what is nobody's business
	}
	err = fmt.Errorf("%s %s: %w", r.Method, path.Base(r.URL.Path), err)
	s.count(func(state *State) { state.Failures++ })
	return 0, err
}

// leave notes what has left the playlists, and forgets the epochs of which nothing is listed.
func (s *Stream) leave(now *timeline.Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Behind = 0
	at := s.source.Wall().Add(s.source.Grace)
	listed := map[string]int64{}
	for _, p := range now.Playlists {
		if len(p.Segments) > 0 {
			listed[p.ID] = p.Segments[0].MSN
		}
	}
	for id, all := range s.put {
		first, known := listed[id]
		n := 0
		for n < len(all) && (!known || all[n].msn < first) {
			all[n].gone = at
			n++
		}
		s.expiring = append(s.expiring, all[:n]...)
		s.put[id] = all[n:]
	}
	s.expiring = s.expiring[max(0, len(s.expiring)-maxDeletions):]
	epochs := map[string]bool{}
	for _, name := range now.Epochs {
		epochs[name] = true
	}
	for init := range s.inits {
		if !epochs[init[0]] {
			delete(s.inits, init)
		}
	}
}

// deleteExpired deletes what nobody can ask for any more. What the server does not know is not there.
func (s *Stream) deleteExpired(ctx context.Context) error {
	now := s.source.Wall()
	for len(s.expiring) > 0 && !now.Before(s.expiring[0].gone) {
		if s.target.Delete {
			r, err := s.request(ctx, http.MethodDelete, s.expiring[0].epoch+"/"+s.expiring[0].name, nil)
			if err != nil {
				return err
			}
			if _, err := s.do(r, http.StatusOK, http.StatusAccepted, http.StatusNoContent, http.StatusNotFound, http.StatusGone); err != nil {
				return err
			}
		}
		s.expiring = s.expiring[1:]
	}
	return nil
}
