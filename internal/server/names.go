package server

import (
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/openfairlead/fairlead/applications"
)

// Resource names come with the patterns of the .proto files already checked:
// these functions take them apart and put them together.

// lastID is the part behind the last slash.
func lastID(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// part is the i-th part of a name, from 0.
func part(name string, i int) string {
	if parts := strings.Split(name, "/"); i < len(parts) {
		return parts[i]
	}
	return ""
}

// programID is P of "programs/P/…".
func programID(name string) string { return part(name, 1) }

// versionOf is the last part of the name of a form or of criteria: 0 for
// "current".
func versionOf(name string) int {
	n, _ := strconv.Atoi(lastID(name)) // the pattern allows "current" and numbers only
	return n
}

func programName(p string) string               { return "programs/" + p }
func applicationName(p, id string) string       { return "programs/" + p + "/applications/" + id }
func selectionName(p, id string) string         { return "programs/" + p + "/selections/" + id }
func offerName(p, id string) string             { return "programs/" + p + "/offers/" + id }
func mentorName(p, id string) string            { return "programs/" + p + "/mentors/" + id }
func menteeName(p, id string) string            { return "programs/" + p + "/mentees/" + id }
func directiveName(p, id string) string         { return "programs/" + p + "/directives/" + id }
func matchingName(p, id string) string          { return "programs/" + p + "/matchings/" + id }
func proposalName(p, id string) string          { return "programs/" + p + "/proposals/" + id }
func mentorshipName(p, id string) string        { return "programs/" + p + "/mentorships/" + id }
func policyName(p, id string) string            { return "programs/" + p + "/policies/" + id }
func formName(p string, version int) string     { return versioned(p, "forms", version) }
func criteriaName(p string, version int) string { return versioned(p, "criteria", version) }
func presetName(id string) string               { return prefixed("presets/", id) }
func userName(id string) string                 { return prefixed("users/", id) }
func tokenName(id string) string                { return prefixed("tokens/", id) }
func prefixed(prefix, id string) string {
	if id == "" {
		return ""
	}
	return prefix + id
}

func versioned(p, collection string, version int) string {
	if version == 0 {
		return ""
	}
	return "programs/" + p + "/" + collection + "/" + strconv.Itoa(version)
}

// etag is how a revision is told to callers.
func etag(revision int64) string { return "r" + strconv.FormatInt(revision, 10) }

// revision reads an etag: 0 for none. What was never an etag of ours can match
// nothing, which is the same as being stale.
func revision(tag string) (int64, error) {
	if tag == "" {
		return 0, nil
	}
	digits, ok := strings.CutPrefix(tag, "r")
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || n < 1 || etag(n) != tag {
		return 0, applications.Errorf(applications.Aborted, "STALE_REVISION", "this etag is not the present one: read the resource again, then repeat the change")
	}
	return n, nil
}

// stamp is a time on the wire; the zero time is not set.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func text(m map[string]string) applications.Text { return applications.Text(m) }
