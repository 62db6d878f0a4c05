package launch

import "context"

// Rescale has the job go on with n subtasks of each vertex, or as many as the vertex can have, and returns
// when all of it runs with them. Vertices for which the program sets a parallelism of their own keep it. A checkpoint is taken before, so that nothing is processed twice if that
// succeeds; keyed state, positions of sources and prepared commits go to the new subtasks.
//
// It is no failure: the restart strategy is not asked. While the job is rescaled, a failure restarts it with
// the new parallelism. Without a checkpoint, which batch mode does not take, the job stays as it is and the
// error says why.
func (j *Job) Rescale(ctx context.Context, n int) error {
	if j.remote != nil {
		return j.wrap(j.remote.client.Rescale(ctx, j.remote.id, n, nil))
	}
	return j.wrap(j.job.Rescale(ctx, j.job.Graph().Uniform(n)))
}

// RescaleVertices does the same with single vertices, by their names in Status or by the name of one of their
// operators. Those that are connected with them one to one go with them.
func (j *Job) RescaleVertices(ctx context.Context, parallelism map[string]int) error {
	if j.remote != nil {
		return j.wrap(j.remote.client.Rescale(ctx, j.remote.id, 0, parallelism))
	}
	p, err := j.job.Graph().Named(parallelism)
	if err != nil {
		return j.wrap(err)
	}
	return j.wrap(j.job.Rescale(ctx, p))
}
