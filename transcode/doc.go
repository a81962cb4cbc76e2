// Package transcode turns one live video and its audio into a ladder of CMAF renditions, by one ffmpeg run.
//
// A [Job] is one such run. Whole frames go in through [Job.WriteFrame]; the job wraps them as IVF and Ogg and writes
// them to two pipes that ffmpeg inherits. ffmpeg decodes once, scales every picture to the constant canvas of each
// [Rendition], encodes H.264 and AAC-LC, and appends CMAF fragments (ISO/IEC 23000-19) to files in [Options.Dir]; their
// names are in [Options.Representations]. [Command] is the command line, a pure function of the options. The video may be
// VP8, VP9, H.264 or AV1, and change their size and shape whenever they like.
//
// The time stamps of the frames are kept: media time 0 of every rendition is PTS 0 of both inputs, and what a player
// hears is not shifted by the 1,024 priming samples of AAC.
//
// # Passthrough
//
// With [Options.Passthrough] the video of a publisher of H.264, VP9 or AV1 is not encoded for one rendition: it is that as it came,
// alone or with encoded renditions beside them. Nobody but the publisher makes key frames then, so that segments begin where it has put them:
//
//   - The job asks for one ([Options.RequestKeyFrame]) when the time of a segment is over, and in between once in
//     [Options.KeyFrames]. ffmpeg begins segment n with the first key frame that comes n segment durations after the beginning.
//     Segments are therefore as late as an answer is, and do not drift.
//   - A key frame that comes more than [Options.LateKeyFrames] after its time would make a segment longer than the playlists say
//     that they can be. The run ends before that, with a [PassthroughError]; the next one encodes ([PassthroughError.Again]). A publisher that
//     ignores requests but has a key frame each second, as OBS may, is passed through for ever. One that has them every two seconds is, once
//     a run has begun with one of them.
//   - Pictures are put on a grid, one place for each at the constant rate of the rendition, at most 0.7 places off their time: so
//     parts of that rendition are as long as all others, whatever the network does, and the encoded renditions, which are on the same grid,
//     get each of its pictures once. That is why they can have their key frames where it has them
//     (-force_key_frames source: it acts on no picture that ffmpeg repeats or leaves out), and why each segment begins in all
//     renditions at the very same instant. A place that stays empty gets a repeat frame, which leaves the decoder as it was: a
//     publisher of 15 pictures a second has as many repeated. With H.264 it is a picture of skipped macroblocks, with VP9 and AV1
//     one that shows an existing one, which the decoders of ffmpeg and of Chromium take as a sample of its own. Once in a while a
//     sender whose clock is fast has a picture too many. It comes an eighth of a place after the one before, and the encoded renditions
//     leave it out. Just before a key frame it is left out of all.
//   - The first key frame is put at media time 0, where the audio begins and the epoch before ended, and repeated from there.
//   - A key frame of VP9 that nothing but repeats follows is written once more where a segment may begin: to ffmpeg's decoder
//     its repeats are key frames, and so they are to the encoders of the renditions.
//   - A parameter set or a sequence header that changes, or the size, ends the run: the init segment says what holds for all of it.
//     The next one passes the new size through. (An inter frame of AV1 of another size than its key frame is not seen, and nothing that a
//     decoder is not ready for.)
//   - A picture that is to be shown before an earlier one ends it too, and one that is not shown. Presentation times are all that a
//     publisher says. Frames that are hidden in a picture, in a superframe of VP9 or a temporal unit of AV1, stay in it.
//
// The rate of bits is the publisher's business: [Rendition.Bitrate] of what is passed through is a figure to begin with.
//
// The package does not look into the files that ffmpeg writes, does not list or delete them, and does not restart a run
// that ended: a Job is used once. An input that falls silent stops the whole run, so the caller keeps every declared input
// supplied up to the present. The frames that the package makes of its own only stand for lost ones: it asks the decoder to
// conceal a lost Opus packet (RFC 6716 §4.4), and puts repeat frames in the place of pictures that it drops.
//
// Goroutines belong to [Job.Run], which starts them and returns when all have ended: one writer for each pipe, one
// supervisor that carries out the stop, one that renews the thumbnail, and the readers of ffmpeg's output. NewJob and WriteFrame start none.
package transcode
