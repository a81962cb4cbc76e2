package session

// SetUse notes what the session is used for: a value of whoever has made it.
func (s *Session) SetUse(use any) { s.use.Store(&use) }

// Use is what SetUse has noted; nil when that is nothing.
func (s *Session) Use() any {
	if use := s.use.Load(); use != nil {
		return *use
	}
	return nil
}
