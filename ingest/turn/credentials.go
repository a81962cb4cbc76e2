package turn

import (
	"time"

	"github.com/pion/turn/v5"
)

// validFor is how long credentials are good: allocations are refreshed with those that they were made with.
const validFor = 24 * time.Hour

// Credentials returns a user name and a password that a TURN server takes for a day which knows the secret.
func Credentials(secret string) (username, password string) {
	username, password, _ = turn.GenerateLongTermTURNRESTCredentials(secret, "sluice", validFor) // an HMAC does not fail
	return username, password
}
