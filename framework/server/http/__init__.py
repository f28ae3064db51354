"""What the server does for every HTTP request, whatever its route: connections, bodies, keys, CORS, errors, log lines."""
