package httpapi

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-live/sluice/public/problem"
)

// maxPage is how many a page of a list has at most.
const maxPage = 1000

// readPage reads which page of a list is asked for: the one behind an entry, "" for the first, of so many at most. A token says behind whom a
// page begins, so that nothing is left out or there twice when others come and go meanwhile. ok is false where the query makes no
// sense, which has been answered.
func readPage(w http.ResponseWriter, r *http.Request, most int) (after string, limit int, ok bool) {
	query := r.URL.Query()
	token, err := base64.RawURLEncoding.DecodeString(query.Get("page_token"))
	limit = most
	if text := query.Get("limit"); text != "" && err == nil {
		if limit, err = strconv.Atoi(text); limit < 1 || limit > maxPage {
			err = strconv.ErrRange
		}
	}
	if err != nil {
		problem.Write(w, http.StatusBadRequest, "Ask for limit=1 to "+strconv.Itoa(maxPage)+" of a list, and with page_token=TOKEN, which is next_page_token of the page before, for the next ones.")
	}
	return string(token), limit, err == nil
}

// pageToken is the token of the page behind an entry.
func pageToken(entry string) string { return base64.RawURLEncoding.EncodeToString([]byte(entry)) }

// paged cuts the page out of a list that is asked for; next is the token of the one behind it, "" for none. The list is put into the order of
// its keys, of which no two are the same. Without a limit the page is all that is left.
func paged[T any](w http.ResponseWriter, r *http.Request, list []T, key func(T) string) (page []T, next string, ok bool) {
	after, limit, ok := readPage(w, r, len(list))
	if !ok {
		return nil, "", false
	}
	slices.SortFunc(list, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	list = slices.DeleteFunc(list, func(one T) bool { return key(one) <= after })
	if len(list) > limit {
		list, next = list[:limit], pageToken(key(list[limit-1]))
	}
	return list, next, true
}
