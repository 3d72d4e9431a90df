// A build puts a bundle here: see functions/ for how the pipeline's own are written.
exports.surveys = (_request, response) => response.status(503).end()
