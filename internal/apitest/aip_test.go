package apitest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	fairleadv1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/access"
)

// A finding is one way in which the API breaks one rule.
type finding struct {
	rule string // "AIP-158"
	what string
}

func (f finding) String() string { return f.rule + ": " + f.what }

// Exceptions, each with its reason. One that is no longer needed is a finding
// too, so that this list does not outlive what it excuses.
var exceptions = map[string]string{
	"AIP-132 fairlead.v1.Form":                                   "a program has few versions of its form; the program names the one in force",
	"AIP-133 CreateApplication returns":                          "the answer carries the applicant's token and return code, which are no part of the resource",
	"AIP-155 CheckCriteria":                                      "changes nothing",
	"AIP-155 ResumeApplication":                                  "changes nothing but the count of tries",
	"AIP-155 ExportApplications":                                 "changes nothing",
	"AIP-155 ImportApplications":                                 "the id is in ImportSpec, the first message of the stream",
	"AIP-155 IssueSignInLink":                                    "each link is used once; a retry makes another",
	"AIP-155 IssueStaffSignInLink":                               "each link is used once; a retry makes another",
	"AIP-155 SimulateSelection":                                  "changes nothing",
	"AIP-155 IssueEnrollmentLink":                                "each link is used once; a retry makes another",
	"AIP-155 IssueEnrollmentToken":                               "a retry makes another, which ends the first",
	"AIP-155 IssueMemberLink":                                    "each link is used once; a retry makes another",
	"AIP-155 OpenMemberLink":                                     "each link is used once",
	"AIP-154 CancelRound":                                        "it stops, whatever happened meanwhile",
	"AIP-154 EraseMember":                                        "it is erased whatever happened to it meanwhile",
	"AIP-141 fairlead.v1.Round.work_limit":                       "steps of the engine, which pass 2^31 in long rounds",
	"AIP-141 fairlead.v1.Round.progress":                         "steps of the engine, which pass 2^31 in long rounds",
	"AIP-141 fairlead.v1.RoundResult.total_score":                "a sum of scores",
	"AIP-155 SimulateMatching":                                   "changes nothing",
	"AIP-155 PriceMentoringRules":                                "changes nothing",
	"AIP-154 RematchProposal":                                    "it mends what is open, whatever happened meanwhile",
	"AIP-154 CancelMatching":                                     "it stops, whatever happened meanwhile",
	"AIP-154 LeaveMentorship":                                    "somebody leaves, whatever happened meanwhile",
	"AIP-154 AnswerSurvey":                                       "an answer of one side's own",
	"AIP-154 EraseApplication":                                   "it is erased whatever happened to it meanwhile",
	"AIP-154 RenewReturnCode":                                    "the code is renewed whatever happened to the application meanwhile",
	"AIP-127 ImportApplications":                                 "client streaming has no REST form; the server builds the route",
	"AIP-136 CheckCriteria":                                      "acts on a program, which it names in the field program",
	"AIP-141 fairlead.v1.Answer.number":                          "a number that a person gives, not a count",
	"AIP-141 fairlead.v1.Selection.work_limit":                   "pivots, which pass 2^31 in long runs",
	"AIP-141 fairlead.v1.Selection.pivots":                       "pivots, which pass 2^31 in long runs",
	"AIP-141 fairlead.v1.SelectionStep.value":                    "an optimum, such as a sum of 1,000 scores of up to 1,000,000",
	"AIP-141 fairlead.v1.Deviation.value":                        "a weighted sum",
	"AIP-141 fairlead.v1.Deviation.bound":                        "a weighted sum",
	"AIP-141 fairlead.v1.Exchange.breach_size":                   "a weighted sum",
	"AIP-141 fairlead.v1.Exclusion.least":                        "a weighted sum, or a sum of scores",
	"AIP-141 fairlead.v1.Exclusion.allowed":                      "a weighted sum, or a sum of scores",
	"AIP-141 fairlead.v1.ObjectiveBound.value":                   "a sum of scores",
	"AIP-141 fairlead.v1.ObjectiveBound.bound":                   "a sum of scores",
	"AIP-141 fairlead.v1.Matching.work_limit":                    "steps of the engine, which pass 2^31 in long runs",
	"AIP-141 fairlead.v1.Matching.progress":                      "steps of the engine, which pass 2^31 in long runs",
	"AIP-141 fairlead.v1.MatchingStep.value":                     "the value of a term, such as a sum of scores",
	"AIP-141 fairlead.v1.GroupAudit.score_sum":                   "a sum of scores",
	"AIP-141 fairlead.v1.GroupAudit.regret_sum":                  "a sum of scores",
	"AIP-141 fairlead.v1.GroupAudit.opportunity_sum":             "pairs, which pass 2^31 in large programs",
	"AIP-141 fairlead.v1.AuditGap.pair_count":                    "pairs, which pass 2^31 in large programs",
	"AIP-141 fairlead.v1.PriceMentoringRulesResponse.pair_count": "pairs, which pass 2^31 in large programs",
	"AIP-141 fairlead.v1.RulePrice.pair_count":                   "pairs, which pass 2^31 in large programs",
	"AIP-141 fairlead.v1.MatchingResult.total_score":             "a sum of scores",
	"AIP-141 fairlead.v1.ObjectiveTerm.value":                    "a sum of scores",
	"AIP-141 fairlead.v1.TermChange.before":                      "a sum of scores",
	"AIP-141 fairlead.v1.TermChange.after":                       "a sum of scores",
	"AIP-141 fairlead.v1.Infeasibility.least_total_deviation":    "a sum over rules",
}

// readOnly are the custom methods that GET serves: they change nothing.
var readOnlyVerbs = []string{"watch", "explain", "alternatives", "alternates", "explainPair", "whyNot", "otherMentors", "recruitment"}

// check returns every finding about the files, sorted, exceptions applied.
func check(files []protoreflect.FileDescriptor) []finding {
	c := &checker{excused: map[string]bool{}, resources: map[string]protoreflect.MessageDescriptor{}}
	for _, f := range files {
		c.collect(f)
	}
	for _, f := range files {
		c.file(f)
	}
	for _, key := range slices.Sorted(maps.Keys(exceptions)) {
		if !c.excused[key] {
			c.found = append(c.found, finding{"exceptions", fmt.Sprintf("%q excuses nothing any more", key)})
		}
	}
	slices.SortFunc(c.found, func(a, b finding) int { return strings.Compare(a.String(), b.String()) })
	return c.found
}

type checker struct {
	found     []finding
	excused   map[string]bool
	resources map[string]protoreflect.MessageDescriptor // by type
	patterns  map[string]bool
	methods   map[protoreflect.Name]protoreflect.MethodDescriptor
	routes    map[string]protoreflect.FullName
	defined   []string // types of resource_definition
}

// report notes a finding, unless "RULE key" is excused.
func (c *checker) report(rule, key, format string, args ...any) {
	if e := rule + " " + key; exceptions[e] != "" {
		c.excused[e] = true
		return
	}
	c.found = append(c.found, finding{rule, fmt.Sprintf(format, args...)})
}

func (c *checker) collect(f protoreflect.FileDescriptor) {
	if c.methods == nil {
		c.methods, c.routes, c.patterns = map[protoreflect.Name]protoreflect.MethodDescriptor{}, map[string]protoreflect.FullName{}, map[string]bool{}
	}
	defs, _ := proto.GetExtension(f.Options(), annotations.E_ResourceDefinition).([]*annotations.ResourceDescriptor)
	for _, d := range defs {
		c.defined = append(c.defined, d.GetType())
		c.resource("file "+f.Path(), d)
	}
	eachMessage(f.Messages(), func(m protoreflect.MessageDescriptor) {
		if r := resourceOf(m); r != nil {
			c.resources[r.GetType()] = m
			c.resource(string(m.FullName()), r)
		}
	})
	for i := range f.Services().Len() {
		s := f.Services().Get(i)
		for j := range s.Methods().Len() {
			m := s.Methods().Get(j)
			if other, ok := c.methods[m.Name()]; ok {
				c.report("names", string(m.Name()), "%s and %s have the same name", other.FullName(), m.FullName())
			}
			c.methods[m.Name()] = m
		}
	}
}

var (
	typePattern    = regexp.MustCompile(`^openfairlead\.github\.io/[A-Z][A-Za-z]+$`)
	segmentPattern = regexp.MustCompile(`^(?:[a-z][a-zA-Z]*|\{[a-z]+(?:_[a-z]+)*\})$`)
)

// resource: AIP-122 and 123.
func (c *checker) resource(where string, r *annotations.ResourceDescriptor) {
	if !typePattern.MatchString(r.GetType()) {
		c.report("AIP-123", where, "%s: type %q", where, r.GetType())
	}
	if len(r.GetPattern()) != 1 || r.GetPlural() == "" || r.GetSingular() == "" {
		c.report("AIP-123", where, "%s: one pattern, a plural and a singular are needed", where)
		return
	}
	pattern := r.GetPattern()[0]
	if c.patterns[pattern] {
		c.report("AIP-122", where, "%s: the pattern %s is used twice", where, pattern)
	}
	c.patterns[pattern] = true
	segments := strings.Split(pattern, "/")
	for i, s := range segments {
		if !segmentPattern.MatchString(s) || (strings.HasPrefix(s, "{") != (i%2 == 1)) {
			c.report("AIP-122", where, "%s: segment %q of %s", where, s, pattern)
		}
	}
	if last := len(segments) - 1; last%2 == 1 {
		if segments[last-1] != r.GetPlural() {
			c.report("AIP-123", where, "%s: collection %s, plural %s", where, segments[last-1], r.GetPlural())
		}
		if segments[last] != "{"+snake(r.GetSingular())+"}" {
			c.report("AIP-123", where, "%s: variable %s, singular %s", where, segments[last], r.GetSingular())
		}
	}
}

func (c *checker) file(f protoreflect.FileDescriptor) {
	eachMessage(f.Messages(), c.message)
	for i := range f.Enums().Len() {
		c.enum(f.Enums().Get(i))
	}
	for i := range f.Services().Len() {
		s := f.Services().Get(i)
		for j := range s.Methods().Len() {
			c.method(s.Methods().Get(j))
		}
	}
}

func (c *checker) message(m protoreflect.MessageDescriptor) {
	for i := range m.Enums().Len() {
		c.enum(m.Enums().Get(i))
	}
	for i := range m.Fields().Len() {
		c.field(m, m.Fields().Get(i))
	}
	r := resourceOf(m)
	if r == nil {
		return
	}
	name := m.Fields().ByName("name")
	switch {
	case name == nil || name.Kind() != protoreflect.StringKind || name.Number() != 1:
		c.report("AIP-122", string(m.FullName()), "%s: the first field is not string name", m.FullName())
	case !has(name, annotations.FieldBehavior_IDENTIFIER):
		c.report("AIP-203", string(m.FullName()), "%s.name is no IDENTIFIER", m.FullName())
	default:
		c.nameRule(name, r)
	}
	// Standard methods: what can be created or changed can be read, and listed.
	singleton := len(strings.Split(r.GetPattern()[0], "/"))%2 == 1
	if c.methods["Get"+m.Name()] == nil {
		c.report("AIP-131", string(m.FullName()), "%s has no Get", m.FullName())
	}
	if plural := listNameOf(r); c.methods[protoreflect.Name(plural)] == nil && !singleton {
		c.report("AIP-132", string(m.FullName()), "%s has no %s", m.FullName(), plural)
	}
	if c.methods["Update"+m.Name()] != nil && m.Fields().ByName("etag") == nil {
		c.report("AIP-154", string(m.FullName()), "%s can be changed and has no etag", m.FullName())
	}
	if create := m.Fields().ByName("create_time"); create != nil && !has(create, annotations.FieldBehavior_OUTPUT_ONLY) {
		c.report("AIP-148", string(m.FullName()), "%s.create_time can be set", m.FullName())
	}
	if update := m.Fields().ByName("update_time"); update != nil && !has(update, annotations.FieldBehavior_OUTPUT_ONLY) {
		c.report("AIP-148", string(m.FullName()), "%s.update_time can be set", m.FullName())
	}
}

// nameRule: the rule of a name field says the same as the resource's pattern.
func (c *checker) nameRule(name protoreflect.FieldDescriptor, r *annotations.ResourceDescriptor) {
	pattern := r.GetPattern()[0]
	rule := strings.Split(strings.Trim(rulesOf(name).GetString().GetPattern(), "^$"), "/")
	want := strings.Split(pattern, "/")
	same := len(rule) == len(want)
	for i := range want {
		if same && !strings.HasPrefix(want[i], "{") {
			same = rule[i] == want[i]
		}
	}
	if !same {
		c.report("AIP-122", string(name.FullName()), "%s: the rule %q does not have the form %s", name.FullName(), rulesOf(name).GetString().GetPattern(), pattern)
	}
}

// field: AIP-140, 141, 142, 203, 216 and our own rule that whatever a caller
// sends has a bound.
func (c *checker) field(m protoreflect.MessageDescriptor, f protoreflect.FieldDescriptor) {
	full := string(f.FullName())
	behaviors, _ := proto.GetExtension(f.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	if len(behaviors) == 0 {
		c.report("AIP-203", full, "%s: no field behavior", full)
	}
	switch f.Kind() {
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind, protoreflect.FloatKind:
		c.report("AIP-141", full, "%s: %s", full, f.Kind())
	case protoreflect.Int64Kind:
		c.report("AIP-141", full, "%s: counts are int32", full)
	case protoreflect.MessageKind:
		if f.Message().FullName() == "google.protobuf.Timestamp" && !strings.HasSuffix(string(f.Name()), "_time") {
			c.report("AIP-142", full, "%s: a time is named …_time", full)
		}
	}
	if strings.HasPrefix(string(f.Name()), "is_") {
		c.report("AIP-140", full, "%s: no is_", full)
	}
	if f.Name() == "state" && !slices.Contains(behaviors, annotations.FieldBehavior_OUTPUT_ONLY) {
		c.report("AIP-216", full, "%s can be set", full)
	}
	if ref, _ := proto.GetExtension(f.Options(), annotations.E_ResourceReference).(*annotations.ResourceReference); ref != nil {
		typ := ref.GetType() + ref.GetChildType()
		if c.resources[typ] == nil && !slices.Contains(c.defined, typ) {
			c.report("AIP-124", full, "%s refers to %s, which there is not", full, typ)
		}
	}
	if !slices.Contains(behaviors, annotations.FieldBehavior_OUTPUT_ONLY) && !bounded(f) {
		c.report("bounds", full, "%s has no bound", full)
	}
}

// bounded reports whether the rules of a field bound what a caller can send.
func bounded(f protoreflect.FieldDescriptor) bool {
	r := rulesOf(f)
	value := func(kind protoreflect.Kind, r *validate.FieldRules) bool {
		switch kind {
		case protoreflect.StringKind:
			s := r.GetString()
			return s.GetMaxLen() > 0 || s.GetPattern() != "" || s.GetUuid()
		case protoreflect.BytesKind:
			return r.GetBytes().GetMaxLen() > 0
		case protoreflect.EnumKind:
			return r.GetEnum().GetDefinedOnly()
		case protoreflect.Int32Kind:
			return r.GetInt32().HasGte()
		case protoreflect.DoubleKind:
			return r.GetDouble().HasGte() && r.GetDouble().HasLte()
		}
		return true // bool; a message has rules of its own; int64 has a reason of its own
	}
	switch {
	case f.IsMap():
		return r.GetMap().GetMaxPairs() > 0 &&
			(f.MapKey().Kind() != protoreflect.StringKind || value(f.MapKey().Kind(), r.GetMap().GetKeys()) || f.Name() == "mapping") &&
			value(f.MapValue().Kind(), r.GetMap().GetValues())
	case f.IsList():
		return r.GetRepeated().GetMaxItems() > 0 && value(f.Kind(), r.GetRepeated().GetItems())
	}
	return value(f.Kind(), r)
}

// enum: AIP-126.
func (c *checker) enum(e protoreflect.EnumDescriptor) {
	zero := string(e.Values().Get(0).Name())
	want := strings.ToUpper(snake(string(e.Name()))) + "_UNSPECIFIED"
	if zero != want || e.Values().Get(0).Number() != 0 {
		c.report("AIP-126", string(e.FullName()), "%s: 0 is %s, not %s", e.FullName(), zero, want)
	}
	_, nested := e.Parent().(protoreflect.MessageDescriptor)
	prefix := strings.ToUpper(snake(string(e.Name()))) + "_"
	for i := 1; i < e.Values().Len(); i++ {
		v := string(e.Values().Get(i).Name())
		if strings.HasPrefix(v, prefix) == nested {
			c.report("AIP-126", string(e.FullName()), "%s: value %s (a prefix only where the enum stands alone)", e.FullName(), v)
		}
	}
}

func (c *checker) method(m protoreflect.MethodDescriptor) {
	name := string(m.Name())
	permission, _ := proto.GetExtension(m.Options(), fairleadv1.E_Permission).(string)
	if permission == "" || !access.Known(access.Permission(permission)) {
		c.report("permission", name, "%s: permission %q is unknown", m.FullName(), permission)
	}
	if m.Input().Name() != m.Name()+"Request" {
		c.report("names", name, "%s takes %s", m.FullName(), m.Input().Name())
	}
	rule, _ := proto.GetExtension(m.Options(), annotations.E_Http).(*annotations.HttpRule)
	if rule == nil {
		c.report("AIP-127", name, "%s has no REST form", m.FullName())
		c.mutation(m, "POST")
		return
	}
	for _, r := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		verb, path := route(r)
		if !strings.HasPrefix(path, "/v1/") {
			c.report("AIP-127", name, "%s: path %s", m.FullName(), path)
		}
		if other, ok := c.routes[verb+" "+shape(path)]; ok {
			c.report("AIP-127", name, "%s and %s have the same route %s %s", other, m.FullName(), verb, path)
		}
		c.routes[verb+" "+shape(path)] = m.FullName()
	}
	verb, path := route(rule)
	noun := func(prefix string) protoreflect.MessageDescriptor {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			return nil
		}
		for _, r := range c.resources {
			if string(r.Name()) == rest || prefix == "List" && listNameOf(resourceOf(r)) == name {
				return r
			}
		}
		return nil
	}
	switch {
	case noun("Get") != nil:
		c.get(m, noun("Get"), verb, path)
	case noun("List") != nil:
		c.list(m, noun("List"), verb, path)
	case noun("Create") != nil:
		c.create(m, noun("Create"), rule, verb, path)
	case noun("Update") != nil:
		c.update(m, noun("Update"), rule, verb, path)
	case noun("Delete") != nil:
		c.delete(m, noun("Delete"), verb, path)
	default:
		c.custom(m, rule, verb, path)
	}
	c.mutation(m, verb)
}

// route returns the verb and the path of a rule.
func route(r *annotations.HttpRule) (verb, path string) {
	switch p := r.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return "GET", p.Get
	case *annotations.HttpRule_Post:
		return "POST", p.Post
	case *annotations.HttpRule_Patch:
		return "PATCH", p.Patch
	case *annotations.HttpRule_Delete:
		return "DELETE", p.Delete
	}
	return "?", ""
}

var variable = regexp.MustCompile(`\{[a-z_.]+=([^}]+)\}`)

// shape is a path without the names of its variables.
func shape(path string) string { return variable.ReplaceAllString(path, "$1") }

var patternVariable = regexp.MustCompile(`\{[a-z_]+\}`)

// star is a resource's pattern as a path template: programs/*/forms/*.
func star(r *annotations.ResourceDescriptor) string {
	return patternVariable.ReplaceAllString(r.GetPattern()[0], "*")
}

// parentOf returns the pattern of the parent, "" at the top, and the
// collection.
func parentOf(r *annotations.ResourceDescriptor) (parent, collection string) {
	s := strings.Split(star(r), "/")
	if len(s) == 2 {
		return "", s[0]
	}
	return strings.Join(s[:len(s)-2], "/"), s[len(s)-2]
}

func (c *checker) get(m protoreflect.MethodDescriptor, r protoreflect.MessageDescriptor, verb, path string) {
	if want := "/v1/{name=" + star(resourceOf(r)) + "}"; verb != "GET" || path != want || m.Output() != r {
		c.report("AIP-131", string(m.Name()), "%s: %s %s gives %s; want GET %s", m.FullName(), verb, path, m.Output().Name(), want)
	}
	c.requestName(m, "AIP-131", r)
}

// requestName: a request about one resource begins with its name, required,
// with the form that the resource's names have.
func (c *checker) requestName(m protoreflect.MethodDescriptor, rule string, r protoreflect.MessageDescriptor) {
	f := m.Input().Fields().ByName("name")
	if f == nil || f.Number() != 1 || !has(f, annotations.FieldBehavior_REQUIRED) || !rulesOf(f).GetRequired() {
		c.report(rule, string(m.Name()), "%s: field 1 is not a required name", m.FullName())
		return
	}
	ref, _ := proto.GetExtension(f.Options(), annotations.E_ResourceReference).(*annotations.ResourceReference)
	if ref.GetType() != resourceOf(r).GetType() {
		c.report("AIP-124", string(m.Name()), "%s: name refers to %q", m.FullName(), ref.GetType())
	}
	if rulesOf(f).GetString().GetPattern() != rulesOf(r.Fields().ByName("name")).GetString().GetPattern() {
		c.report(rule, string(m.Name()), "%s: name has another form than %s.name", m.FullName(), r.Name())
	}
}

func (c *checker) requestParent(m protoreflect.MethodDescriptor, rule string, r protoreflect.MessageDescriptor) {
	parent, _ := parentOf(resourceOf(r))
	f := m.Input().Fields().ByName("parent")
	if (f != nil) != (parent != "") {
		c.report(rule, string(m.Name()), "%s: parent", m.FullName())
		return
	}
	if f == nil {
		return
	}
	ref, _ := proto.GetExtension(f.Options(), annotations.E_ResourceReference).(*annotations.ResourceReference)
	if ref.GetChildType() != resourceOf(r).GetType() || !rulesOf(f).GetRequired() || !has(f, annotations.FieldBehavior_REQUIRED) {
		c.report(rule, string(m.Name()), "%s: parent is not required or refers to %q", m.FullName(), ref.GetChildType())
	}
}

// collectionPath is where a resource is created and listed.
func collectionPath(r protoreflect.MessageDescriptor) string {
	parent, collection := parentOf(resourceOf(r))
	if parent == "" {
		return "/v1/" + collection
	}
	return "/v1/{parent=" + parent + "}/" + collection
}

// list: AIP-132 and 158.
func (c *checker) list(m protoreflect.MethodDescriptor, r protoreflect.MessageDescriptor, verb, path string) {
	if want := collectionPath(r); verb != "GET" || path != want {
		c.report("AIP-132", string(m.Name()), "%s: %s %s; want GET %s", m.FullName(), verb, path, want)
	}
	c.requestParent(m, "AIP-132", r)
	c.pages(m)
	first := m.Output().Fields().ByNumber(1)
	if first == nil || !first.IsList() || first.Message() != r {
		c.report("AIP-132", string(m.Name()), "%s: field 1 of the answer is not the list", m.FullName())
	}
}

// pages: AIP-158, 160 and ordering.
func (c *checker) pages(m protoreflect.MethodDescriptor) {
	for name, kind := range map[protoreflect.Name]protoreflect.Kind{
		"page_size": protoreflect.Int32Kind, "page_token": protoreflect.StringKind,
		"filter": protoreflect.StringKind, "order_by": protoreflect.StringKind,
	} {
		f := m.Input().Fields().ByName(name)
		if f == nil || f.Kind() != kind || !has(f, annotations.FieldBehavior_OPTIONAL) {
			c.report("AIP-158", string(m.Name()), "%s: no optional %s", m.FullName(), name)
		}
	}
	next := m.Output().Fields().ByName("next_page_token")
	if next == nil || next.Kind() != protoreflect.StringKind {
		c.report("AIP-158", string(m.Name()), "%s: no next_page_token", m.FullName())
	}
	if m.Output().Name() != m.Name()+"Response" {
		c.report("AIP-132", string(m.Name()), "%s gives %s", m.FullName(), m.Output().Name())
	}
}

// create: AIP-133.
func (c *checker) create(m protoreflect.MethodDescriptor, r protoreflect.MessageDescriptor, rule *annotations.HttpRule, verb, path string) {
	field := snake(string(r.Name()))
	if want := collectionPath(r); verb != "POST" || path != want || rule.GetBody() != field {
		c.report("AIP-133", string(m.Name()), "%s: %s %s with body %q; want POST %s with body %q", m.FullName(), verb, path, rule.GetBody(), want, field)
	}
	if m.Output() != r {
		c.report("AIP-133", string(m.Name())+" returns", "%s gives %s", m.FullName(), m.Output().Name())
	}
	c.requestParent(m, "AIP-133", r)
	f := m.Input().Fields().ByName(protoreflect.Name(field))
	if f == nil || f.Message() != r || !rulesOf(f).GetRequired() {
		c.report("AIP-133", string(m.Name()), "%s: no required %s", m.FullName(), field)
	}
}

// update: AIP-134 and 161.
func (c *checker) update(m protoreflect.MethodDescriptor, r protoreflect.MessageDescriptor, rule *annotations.HttpRule, verb, path string) {
	field := snake(string(r.Name()))
	if want := "/v1/{" + field + ".name=" + star(resourceOf(r)) + "}"; verb != "PATCH" || path != want || rule.GetBody() != field || m.Output() != r {
		c.report("AIP-134", string(m.Name()), "%s: %s %s; want PATCH %s", m.FullName(), verb, path, want)
	}
	mask := m.Input().Fields().ByName("update_mask")
	if mask == nil || mask.Message() == nil || mask.Message().FullName() != "google.protobuf.FieldMask" {
		c.report("AIP-161", string(m.Name()), "%s: no update_mask", m.FullName())
	}
}

// delete: AIP-135.
func (c *checker) delete(m protoreflect.MethodDescriptor, r protoreflect.MessageDescriptor, verb, path string) {
	if want := "/v1/{name=" + star(resourceOf(r)) + "}"; verb != "DELETE" || path != want || m.Output().FullName() != "google.protobuf.Empty" {
		c.report("AIP-135", string(m.Name()), "%s: %s %s; want DELETE %s", m.FullName(), verb, path, want)
	}
	c.requestName(m, "AIP-135", r)
	if r.Fields().ByName("etag") != nil && m.Input().Fields().ByName("etag") == nil {
		c.report("AIP-154", string(m.Name()), "%s: no etag", m.FullName())
	}
}

var customVerb = regexp.MustCompile(`:([a-z][a-zA-Z]*)$`)

// custom: AIP-136. Parts of a run that are read as documents are GETs on a
// path of their own, and a list that is no collection is a list all the same.
func (c *checker) custom(m protoreflect.MethodDescriptor, rule *annotations.HttpRule, verb, path string) {
	switch {
	case m.Output().FullName() == "google.api.HttpBody" && verb == "GET":
		return
	case strings.HasPrefix(string(m.Name()), "List"):
		c.pages(m)
		return
	}
	found := customVerb.FindStringSubmatch(path)
	if found == nil {
		c.report("AIP-136", string(m.Name()), "%s: no :verb in %s", m.FullName(), path)
		return
	}
	switch verb {
	case "POST":
		if rule.GetBody() != "*" {
			c.report("AIP-136", string(m.Name()), "%s: body %q", m.FullName(), rule.GetBody())
		}
	case "GET":
		if !slices.Contains(readOnlyVerbs, found[1]) {
			c.report("AIP-136", string(m.Name()), "%s: GET %s", m.FullName(), path)
		}
	default:
		c.report("AIP-136", string(m.Name()), "%s: %s", m.FullName(), verb)
	}
	if m.Input().Fields().Len() > 1 || verb == "GET" {
		first := m.Input().Fields().Get(0).Name()
		if first != "name" && first != "parent" {
			c.report("AIP-136", string(m.Name()), "%s: field 1 is %s", m.FullName(), first)
		}
	}
}

// mutation: AIP-154 and 155. What changes something takes a request id; what
// changes a resource that has an etag takes that.
func (c *checker) mutation(m protoreflect.MethodDescriptor, verb string) {
	if verb == "GET" {
		return
	}
	id := m.Input().Fields().ByName("request_id")
	if id == nil {
		c.report("AIP-155", string(m.Name()), "%s: no request_id", m.FullName())
	} else {
		info, _ := proto.GetExtension(id.Options(), annotations.E_FieldInfo).(*annotations.FieldInfo)
		if info.GetFormat() != annotations.FieldInfo_UUID4 || !rulesOf(id).GetString().GetUuid() || !has(id, annotations.FieldBehavior_OPTIONAL) {
			c.report("AIP-155", string(m.Name()), "%s: request_id is no optional UUID4", m.FullName())
		}
	}
	target := m.Input().Fields().ByName("name")
	if target == nil || id == nil {
		return
	}
	ref, _ := proto.GetExtension(target.Options(), annotations.E_ResourceReference).(*annotations.ResourceReference)
	if r := c.resources[ref.GetType()]; r != nil && r.Fields().ByName("etag") != nil && m.Input().Fields().ByName("etag") == nil {
		c.report("AIP-154", string(m.Name()), "%s: no etag", m.FullName())
	}
}

// listNameOf names the method that lists a resource: ListAuditEvents.
func listNameOf(r *annotations.ResourceDescriptor) string {
	return "List" + strings.ToUpper(r.GetPlural()[:1]) + r.GetPlural()[1:]
}

func resourceOf(m protoreflect.MessageDescriptor) *annotations.ResourceDescriptor {
	r, _ := proto.GetExtension(m.Options(), annotations.E_Resource).(*annotations.ResourceDescriptor)
	return r
}

func rulesOf(f protoreflect.FieldDescriptor) *validate.FieldRules {
	r, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
	return r
}

func has(f protoreflect.FieldDescriptor, b annotations.FieldBehavior) bool {
	all, _ := proto.GetExtension(f.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return slices.Contains(all, b)
}

// eachMessage calls fn for every message, nested ones included, but not for
// the entries of maps.
func eachMessage(ms protoreflect.MessageDescriptors, fn func(protoreflect.MessageDescriptor)) {
	for i := range ms.Len() {
		if m := ms.Get(i); !m.IsMapEntry() {
			fn(m)
			eachMessage(m.Messages(), fn)
		}
	}
}

// snake turns AuditEvent and auditEvent into audit_event.
func snake(s string) string {
	var b strings.Builder
	for i, r := range s {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
