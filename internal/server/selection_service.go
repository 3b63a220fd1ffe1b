package server

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"

	"github.com/openfairlead/fairlead/applications"
	v1 "github.com/openfairlead/fairlead/gen/fairlead/v1"
	"github.com/openfairlead/fairlead/internal/server/chain"
)

// watchInterval is how often a watched run is looked at.
const watchInterval = 300 * time.Millisecond

type selectionService struct {
	v1.UnimplementedSelectionServiceServer
	svc      *applications.Service
	pages    pages
	stopping <-chan struct{} // closed when the server begins to stop
}

func (s *selectionService) CreateSelection(ctx context.Context, req *v1.CreateSelectionRequest) (*v1.Selection, error) {
	idem, err := idempotency(req)
	if err != nil {
		return nil, err
	}
	sel, err := selectionFromWire(programID(req.GetParent()), req.GetSelection())
	if err != nil {
		return nil, err
	}
	return selection(s.svc.CreateSelection(ctx, chain.Principal(ctx), sel, idem))
}

func (s *selectionService) GetSelection(ctx context.Context, req *v1.GetSelectionRequest) (*v1.Selection, error) {
	return selection(s.svc.Selection(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName())))
}

func (s *selectionService) ListSelections(ctx context.Context, req *v1.ListSelectionsRequest) (*v1.ListSelectionsResponse, error) {
	items, next, err := listed(ctx, s.pages, req, s.svc.Selections, selectionToWire)
	if err != nil {
		return nil, err
	}
	return &v1.ListSelectionsResponse{Selections: items, NextPageToken: next}, nil
}

// WatchSelection looks at the run from time to time, because whoever works on
// it may be another process, and sends it whenever it changed.
func (s *selectionService) WatchSelection(req *v1.WatchSelectionRequest, stream grpc.ServerStreamingServer[v1.WatchSelectionResponse]) error {
	ctx := stream.Context()
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	var last seen
	for {
		sel, err := s.svc.Selection(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()))
		if err != nil {
			return err
		}
		if now := lookedAt(sel); now != last {
			last = now
			if err := stream.Send(&v1.WatchSelectionResponse{Selection: selectionToWire(sel)}); err != nil {
				return err
			}
		}
		if sel.State.Done() {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.stopping:
			return applications.Errorf(applications.Unavailable, "SHUTTING_DOWN", "the server is stopping; watch again in a moment")
		}
	}
}

// seen is what makes a run worth sending again.
type seen struct {
	revision, pivots int64
	steps            int
	state            applications.SelectionState
	step             string
	cancel           bool
}

func lookedAt(s *applications.Selection) seen {
	return seen{s.Revision, s.Pivots, len(s.Steps), s.State, s.CurrentStep, s.CancelAsked}
}

func (s *selectionService) CancelSelection(ctx context.Context, req *v1.CancelSelectionRequest) (*v1.Selection, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return selection(s.svc.CancelSelection(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), rev, idem))
}

func (s *selectionService) GetSelectionResult(ctx context.Context, req *v1.GetSelectionResultRequest) (*v1.SelectionResult, error) {
	r, err := s.svc.SelectionResult(ctx, chain.Principal(ctx), programID(req.GetName()), part(req.GetName(), 3))
	if err != nil {
		return nil, err
	}
	return resultToWire(r), nil
}

func selection(s *applications.Selection, err error) (*v1.Selection, error) {
	if err != nil {
		return nil, err
	}
	return selectionToWire(s), nil
}

// ---- the draw ----

func (s *selectionService) CommitSeed(ctx context.Context, req *v1.CommitSeedRequest) (*v1.Selection, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return selection(s.svc.CommitSeed(ctx, chain.Principal(ctx), applications.SeedCommit{
		Program: programID(req.GetName()), Selection: lastID(req.GetName()), Person: req.GetPerson(), Digest: req.GetDigest(), Revision: rev,
	}, idem))
}

func (s *selectionService) DrawSelection(ctx context.Context, req *v1.DrawSelectionRequest) (*v1.Selection, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	return selection(s.svc.DrawSelection(ctx, chain.Principal(ctx), applications.DrawRequest{
		Program: programID(req.GetName()), Selection: lastID(req.GetName()), Value: req.GetValue(),
		Reveals: convert(req.GetReveals(), func(r *v1.SeedReveal) applications.Reveal {
			return applications.Reveal{Person: r.GetPerson(), Text: r.GetText()}
		}),
		Reason: req.GetReason(), ConfirmImpossible: req.GetConfirmImpossible(), Revision: rev,
	}, idem))
}

func (s *selectionService) ChooseSelection(ctx context.Context, req *v1.ChooseSelectionRequest) (*v1.Selection, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	program := programID(req.GetName())
	out, in, cohort := req.GetOut(), req.GetIn(), req.GetCohort()
	if err := ofProgram(program, map[string][]string{"out": out, "in": in, "cohort": cohort}); err != nil {
		return nil, err
	}
	return selection(s.svc.ChooseSelection(ctx, chain.Principal(ctx), applications.ChooseRequest{
		Program: program, Selection: lastID(req.GetName()), Out: convert(out, lastID), In: convert(in, lastID), Cohort: convert(cohort, lastID),
		Reason: req.GetReason(), Revision: rev,
	}, idem))
}

func (s *selectionService) ReplaceMembers(ctx context.Context, req *v1.ReplaceMembersRequest) (*v1.Selection, error) {
	rev, idem, err := guard(req)
	if err != nil {
		return nil, err
	}
	program := programID(req.GetName())
	if err := ofProgram(program, map[string][]string{"declined": req.GetDeclined()}); err != nil {
		return nil, err
	}
	return selection(s.svc.ReplaceMembers(ctx, chain.Principal(ctx), applications.ReplaceRequest{
		Program: program, Selection: lastID(req.GetName()), Declined: convert(req.GetDeclined(), lastID), Reason: req.GetReason(), Revision: rev,
	}, idem))
}

// ofProgram refuses names of another program's resources.
func ofProgram(program string, names map[string][]string) error {
	var wrong []applications.Violation
	for _, field := range slices.Sorted(maps.Keys(names)) {
		for _, name := range names[field] {
			if programID(name) != program {
				wrong = append(wrong, applications.Violation{Field: field, Message: "belongs to another program"})
			}
		}
	}
	return ofAnotherProgram(wrong)
}

// ---- looking at a run ----

func (s *selectionService) ExplainSelection(ctx context.Context, req *v1.ExplainSelectionRequest) (*v1.ExplainSelectionResponse, error) {
	program := programID(req.GetName())
	if err := ofProgram(program, map[string][]string{"application": {req.GetApplication()}}); err != nil {
		return nil, err
	}
	x, err := s.svc.ExplainSelection(ctx, chain.Principal(ctx), program, lastID(req.GetName()), lastID(req.GetApplication()))
	if err != nil {
		return nil, err
	}
	return explainedToWire(x), nil
}

func (s *selectionService) SimulateSelection(ctx context.Context, req *v1.SimulateSelectionRequest) (*v1.SimulateSelectionResponse, error) {
	program := programID(req.GetName())
	var swapped []string
	for _, x := range req.GetSwaps() {
		for _, name := range []string{x.GetOut(), x.GetIn()} {
			if name != "" {
				swapped = append(swapped, name)
			}
		}
	}
	err := ofProgram(program, map[string][]string{"swaps": swapped, "include": req.GetInclude(), "exclude": req.GetExclude(), "free": req.GetFree()})
	if err != nil {
		return nil, err
	}
	e, err := s.svc.WhatIfSelection(ctx, chain.Principal(ctx), applications.WhatIfRequest{
		Program: program, Selection: lastID(req.GetName()), Changes: changesFromWire(req),
	})
	if err != nil {
		return nil, err
	}
	return whatIfToWire(e), nil
}

func (s *selectionService) ProposeAlternatives(ctx context.Context, req *v1.ProposeAlternativesRequest) (*v1.ProposeAlternativesResponse, error) {
	const usual = 3
	a, err := s.svc.AlternativesOf(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), cmp.Or(int(req.GetCount()), usual))
	if err != nil {
		return nil, err
	}
	return alternativesToWire(a), nil
}

func (s *selectionService) ProposeAlternates(ctx context.Context, req *v1.ProposeAlternatesRequest) (*v1.ProposeAlternatesResponse, error) {
	const usual = 5
	a, err := s.svc.StandbyOf(ctx, chain.Principal(ctx), programID(req.GetName()), lastID(req.GetName()), cmp.Or(int(req.GetCount()), usual))
	if err != nil {
		return nil, err
	}
	return standbyToWire(a), nil
}

// ---- records ----

func (s *selectionService) GetPublicRecord(ctx context.Context, req *v1.GetPublicRecordRequest) (*httpbody.HttpBody, error) {
	return record(s.svc.PublicRecord(ctx, programID(req.GetName()), part(req.GetName(), 3)))
}

func (s *selectionService) GetAuditRecord(ctx context.Context, req *v1.GetAuditRecordRequest) (*httpbody.HttpBody, error) {
	return record(s.svc.AuditRecord(ctx, chain.Principal(ctx), programID(req.GetName()), part(req.GetName(), 3)))
}

func (s *selectionService) GetSlip(ctx context.Context, req *v1.GetSlipRequest) (*httpbody.HttpBody, error) {
	name := req.GetName()
	return record(s.svc.Slip(ctx, chain.Principal(ctx), programID(name), part(name, 3), part(name, 5)))
}

// record is canonical JSON: its bytes are what digests are of.
func record(b []byte, err error) (*httpbody.HttpBody, error) {
	if err != nil {
		return nil, err
	}
	return &httpbody.HttpBody{ContentType: "application/json", Data: b}, nil
}
