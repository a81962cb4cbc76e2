package api

// OEmbed is how another site shows a stream (oembed.com §2.3.4).
type OEmbed struct {
	Version      string `json:"version"`
	Type         string `json:"type"` // video, or link where nobody else may frame the player
	Title        string `json:"title"`
	ProviderName string `json:"provider_name"`
	ProviderURL  string `json:"provider_url"`
	CacheAge     int    `json:"cache_age"`        // seconds
	HTML         string `json:"html,omitempty"`   // the frame
	Width        int    `json:"width,omitempty"`  // pixels
	Height       int    `json:"height,omitempty"` // pixels

	ThumbnailURL    string `json:"thumbnail_url,omitempty"`    // the newest picture
	ThumbnailWidth  int    `json:"thumbnail_width,omitempty"`  // pixels
	ThumbnailHeight int    `json:"thumbnail_height,omitempty"` // pixels
}
