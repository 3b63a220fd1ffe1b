package server

import (
	"context"
	"time"

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
	q, next, err := s.pages.query(ctx, req)
	if err != nil {
		return nil, err
	}
	page, err := s.svc.Selections(ctx, chain.Principal(ctx), programID(req.GetParent()), q)
	if err != nil {
		return nil, err
	}
	return &v1.ListSelectionsResponse{Selections: convert(page.Items, selectionToWire), NextPageToken: next(page.Next)}, nil
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
