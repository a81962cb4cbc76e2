package offer

import (
	"net/http"
	"slices"
	"strings"

	"github.com/pion/dtls/v3/pkg/crypto/fingerprint"
	"github.com/pion/sdp/v3"
	"github.com/sluice-live/sluice/ingest/refusal"
)

// rejected is a section that the client itself has switched off (RFC 3264 §5.1), and that the answer has in the same place (§6).
type rejected struct {
	index   int
	section *sdp.MediaDescription
}

// takeRejected takes out the sections with port 0 that are not bundle-only (RFC 9143 §6).
func takeRejected(desc *sdp.SessionDescription) (all []rejected) {
	var kept []*sdp.MediaDescription
	for i, m := range desc.MediaDescriptions {
		_, bundled := m.Attribute("bundle-only")
		if m.MediaName.Port.Value != 0 || bundled {
			kept = append(kept, m)
			continue
		}
		answered := &sdp.MediaDescription{MediaName: m.MediaName}
		if mid, ok := m.Attribute("mid"); ok {
			answered.WithValueAttribute("mid", mid)
		}
		all = append(all, rejected{i, answered.WithPropertyAttribute("inactive")})
	}
	desc.MediaDescriptions = kept
	return all
}

// Complete makes of an answer to what Parse has returned one to what the client has sent.
func (o *Offer) Complete(answer *sdp.SessionDescription) {
	for _, r := range o.rejected {
		answer.MediaDescriptions = slices.Insert(answer.MediaDescriptions, min(r.index, len(answer.MediaDescriptions)), r.section)
	}
}

// bundle wants all sections on one transport (RFC 9725 §4.4.1), and returns the one that describes it: the first of the group
// (RFC 9143 §7.2.1). A section that is alone needs neither a name nor a group.
func bundle(desc *sdp.SessionDescription) (tagged *sdp.MediaDescription, p *refusal.Refusal) {
	var group []string
	for _, a := range desc.Attributes {
		if f := strings.Fields(a.Value); a.Key == "group" && len(f) > 0 && f[0] == "BUNDLE" {
			group = f[1:]
			break
		}
	}
	alone := len(desc.MediaDescriptions) == 1
	named := map[string]*sdp.MediaDescription{}
	var mids []string
	for _, m := range desc.MediaDescriptions {
		mid, _ := m.Attribute("mid")
		if mid == "" && alone {
			mid = "0"
			m.WithValueAttribute("mid", mid)
		}
		if mid == "" || named[mid] != nil {
			return nil, refusal.New(http.StatusBadRequest, "Each media section of the offer needs an a=mid of its own.")
		}
		named[mid], mids = m, append(mids, mid)
		if !alone && !slices.Contains(group, mid) {
			return nil, refusal.New(http.StatusBadRequest, "Put all media sections in one a=group:BUNDLE (RFC 9725 §4.4.1).")
		}
	}
	tagged = desc.MediaDescriptions[0]
	if i := slices.IndexFunc(group, func(mid string) bool { return named[mid] != nil }); i >= 0 {
		tagged = named[group[i]]
	}
	desc.Attributes = slices.DeleteFunc(desc.Attributes, func(a sdp.Attribute) bool { return a.Key == "group" })
	desc.WithValueAttribute("group", "BUNDLE "+strings.Join(mids, " "))
	return tagged, nil
}

// unifyTransport gives every section the ICE credentials (RFC 8839 §5.4), the fingerprint and the DTLS role of the bundle, which stand in
// its first section or for all: others may have their own, for a peer that does not bundle, or none (RFC 9143 §7.2.1, RFC 9429 §5.2.1).
func unifyTransport(desc *sdp.SessionDescription, tagged *sdp.MediaDescription) (ufrag, pwd string, p *refusal.Refusal) {
	ufrag, pwd = Attribute(desc, tagged, "ice-ufrag"), Attribute(desc, tagged, "ice-pwd")
	setup, print := Attribute(desc, tagged, "setup"), chooseFingerprint(desc, tagged)
	switch {
	case !validCredentials(ufrag, pwd):
		return "", "", refusal.New(http.StatusBadRequest, "The offer needs a=ice-ufrag (4 to 256 characters) and a=ice-pwd (22 to 256).")
	case print == "":
		return "", "", refusal.New(http.StatusBadRequest, "The offer needs a=fingerprint with a hash function and a hash: Sluice takes encrypted media only.")
	case setup != "actpass" && setup != "active" && setup != "passive":
		return "", "", refusal.New(http.StatusBadRequest, "The offer has a=setup:%s: offer a=setup:actpass (RFC 9725 §4.4.4).", setup)
	}
	for _, m := range desc.MediaDescriptions {
		own, _ := m.Attribute("ice-ufrag")
		m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
			return isTransport(a) || a.Key == "candidate" && own != "" && own != ufrag
		})
		m.WithICECredentials(ufrag, pwd).WithValueAttribute("fingerprint", print).WithValueAttribute("setup", setup)
		if m.MediaName.Port.Value == 0 {
			m.MediaName.Port.Value = 9
		}
	}
	desc.Attributes = slices.DeleteFunc(desc.Attributes, isTransport)
	return ufrag, pwd, nil
}

func isTransport(a sdp.Attribute) bool {
	switch a.Key {
	case "ice-ufrag", "ice-pwd", "fingerprint", "setup", "bundle-only":
		return true
	}
	return false
}

// chooseFingerprint returns one of those that a section, or all of them, may have (RFC 8122 §5): of SHA-256, or else the first of a hash
// function that we know; "" when there is none.
func chooseFingerprint(desc *sdp.SessionDescription, m *sdp.MediaDescription) (chosen string) {
	for _, attributes := range [][]sdp.Attribute{m.Attributes, desc.Attributes} {
		for _, a := range attributes {
			f := strings.Fields(a.Value)
			if a.Key != "fingerprint" || len(f) != 2 {
				continue
			}
			if _, err := fingerprint.HashFromString(f[0]); err != nil {
				continue
			}
			if chosen == "" || strings.EqualFold(f[0], "sha-256") {
				chosen = strings.ToLower(f[0]) + " " + f[1]
			}
		}
		if chosen != "" {
			return chosen
		}
	}
	return ""
}
