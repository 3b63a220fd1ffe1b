package mentoring

// Held counts the runs that are kept solved in memory.
func (s *Service) Held() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.solved)
}

// Forget lets go of the runs that are kept solved in memory.
func (s *Service) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.solved = nil
}
