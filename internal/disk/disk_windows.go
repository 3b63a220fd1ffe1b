package disk

import (
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

func of(path string) (Place, error) {
	root := filepath.VolumeName(path) + `\`
	name, err := windows.UTF16PtrFromString(root)
	if err != nil {
		return Place{}, err
	}
	var p Place
	switch {
	case strings.HasPrefix(root, `\\`) && !strings.HasPrefix(root, `\\?\`), windows.GetDriveType(name) == windows.DRIVE_REMOTE:
		p.Kind, p.Class = "a network drive", Network
	case windows.GetDriveType(name) == windows.DRIVE_RAMDISK:
		p.Kind, p.Class = "a RAM disk", Memory
	}
	folder, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return Place{}, err
	}
	p.FreeKnown = windows.GetDiskFreeSpaceEx(folder, &p.Free, nil, nil) == nil
	return p, nil
}
