// Package offer reads and checks what clients describe in SDP: offers of publishers (RFC 9725), viewers (draft-ietf-wish-whep) and echoes,
// fragments of trickle ICE (RFC 8840), candidates (RFC 8839), simulcast (RFC 8853) and redundant audio (RFC 2198).
//
// An [Offer] is bounded, complete, and holds no more than pion needs to see: of each medium one codec, chosen by the [Purpose]. It knows
// which codecs are taken and how their parameters compare (RFC 6184, RFC 9628, AV1 RTP payload format); where their key frames begin is
// asked of package depay. It tidies answers up, too (RFC 9725 §4.3.2, §4.4).
//
// The package makes no connections, keeps nothing, and starts no goroutine.
package offer
