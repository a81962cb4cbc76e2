# Varnish in front of Sluice, for Debian's varnish (7.1) and later:
#
#     varnishd -a :80 -f /etc/varnish/sluice.vcl -s malloc,1g
#
# However many viewers wait for a playlist, a part or the rest of a growing segment, Sluice sees one request: Varnish lets the
# others wait for its answer and wakes them with its first bytes. It has no TLS: put hitch, HAProxy or nginx in front.
vcl 4.1;

backend default {
	.host = "127.0.0.1";  # Sluice's http.listen
	.port = "8080";
	.first_byte_timeout = 15s;    # a request waits up to 9 s at Sluice before it is answered with 503
	.between_bytes_timeout = 15s;
}

sub vcl_recv {
	# Varnish adds the client to X-Forwarded-For by itself. With Sluice's http.trusted-proxies the others are believed too: what a client
	# sends under such a name must not pass. (Leave X-Forwarded-Proto out where the TLS proxy in front sets it.)
	unset req.http.X-Forwarded-Proto;
	unset req.http.X-Forwarded-Host;
	unset req.http.X-Forwarded-Prefix;
	unset req.http.Forwarded;
	if (req.url !~ "^/live/" || (req.method != "GET" && req.method != "HEAD")) {
		return (pass);
	}
	# Of a query only these are passed on, in this order and spelling (rfc8216bis §6.2.5: a delivery directive makes another
	# resource, as does the edition of an MPD). The token is no part of the key: every viewer has another one.
	set req.http.X-Query = "";
	if (req.url ~ "\.m3u8\?") {
		if (req.url ~ "[?&]_HLS_msn=[^&]") {
			set req.http.X-Query = req.http.X-Query + regsub(req.url, "^.*[?&](_HLS_msn=[^&]+).*$", "\1&");
		}
		if (req.url ~ "[?&]_HLS_part=[^&]") {
			set req.http.X-Query = req.http.X-Query + regsub(req.url, "^.*[?&](_HLS_part=[^&]+).*$", "\1&");
		}
		if (req.url ~ "[?&]_HLS_skip=[^&]") {
			set req.http.X-Query = req.http.X-Query + regsub(req.url, "^.*[?&](_HLS_skip=[^&]+).*$", "\1&");
		}
	}
	if (req.url ~ "\.mpd\?(.*&)?_DASH_after=[^&]") {
		set req.http.X-Query = regsub(req.url, "^.*[?&](_DASH_after=[^&]+).*$", "\1&");
	}
	unset req.http.X-Token;
	if (req.url ~ "\.(m3u8|mpd)\?(.*&)?token=[^&]") {
		set req.http.X-Token = regsub(req.url, "^.*[?&](token=[^&]+).*$", "\1");
	}
	# An MPD names the token that it was asked for with: it is one viewer's.
	set req.http.X-Private = "";
	if (req.http.X-Token && req.url ~ "\.mpd\?") {
		set req.http.X-Private = "yes";
	}
	set req.url = regsub(req.url, "\?.*$", "");
	if (req.http.X-Query != "") {
		set req.url = req.url + "?" + req.http.X-Query;
	}
	unset req.http.X-Query;
	unset req.http.Cookie;
	if (req.http.X-Private == "yes") {
		unset req.http.X-Private;
		return (pass);
	}
	unset req.http.X-Private;
	return (hash);
}

sub vcl_hash {
	hash_data(req.url);
	return (lookup);
}

sub vcl_backend_fetch {
	if (bereq.http.X-Token) {
		if (bereq.url ~ "\?") {
			set bereq.url = bereq.url + bereq.http.X-Token;
		} else {
			set bereq.url = bereq.url + "?" + bereq.http.X-Token;
		}
		unset bereq.http.X-Token;
	}
}

sub vcl_backend_response {
	# Chunk by chunk as it comes, to all who read it: the segment in progress of LL-DASH.
	set beresp.do_stream = true;

	# A playlist older than its s-maxage or max-age is of no use while a new one is fetched, which takes a millisecond.
	set beresp.grace = 0s;
	set beresp.keep = 0s;

	# What may not be kept (an error, mostly: "not there yet") is asked for by everybody in parallel for a second, instead of
	# one after the other; Varnish's own rule says two minutes, in which the name has long become a segment.
	if (beresp.http.Cache-Control ~ "(?i)no-store|private" || beresp.status >= 400) {
		set beresp.uncacheable = true;
		set beresp.ttl = 1s;
	}
	return (deliver);
}
