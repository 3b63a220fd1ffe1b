package backup

import (
	"os"
	"path/filepath"
	"slices"
)

// Folders in which something comes to be, and which are gone when it is done.
const (
	partialPattern   = ".*.partial-*"       // a backup, beside its file
	restoringPattern = ".restoring-*"       // a restored database, beside its place
	movingPattern    = ".moving-*"          // a database that is migrated to, beside its place
	unpackedPattern  = "fairlead-restore-*" // PostgreSQL's dump out of a backup, in the folder for temporary files
)

// Leftovers lists what was left in the folders by a backup, a restore or a
// migration that was killed, or is what one is at work in: copies of the whole
// database, with everybody who was erased since. Each folder counts once.
func Leftovers(folders ...string) (found []string) {
	slices.Sort(folders)
	for _, folder := range slices.Compact(folders) {
		entries, err := os.ReadDir(folder)
		if err != nil {
			continue // nothing can be told of it
		}
		for _, e := range entries {
			for _, pattern := range []string{partialPattern, restoringPattern, movingPattern, unpackedPattern} {
				if match, _ := filepath.Match(pattern, e.Name()); match && e.IsDir() {
					found = append(found, filepath.Join(folder, e.Name()))
				}
			}
		}
	}
	return found
}
