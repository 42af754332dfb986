# syntax=docker/dockerfile:1
# `scripts/release image` puts a folder with the released program in the place of this stage.
FROM rust:1.94-bookworm AS build
WORKDIR /src
COPY . .
# The caches are no part of the layer, so the program is copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked && cp target/release/judged /judged

# Not distroless: the health check needs a shell. The release must be the builder's, for its glibc.
FROM debian:bookworm-slim
# TLS to judges, sinks and the broker trusts the system's certificates.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/judged --create-home judged
COPY --from=build /judged /usr/local/bin/judged
COPY deploy/healthcheck.sh /usr/local/bin/healthcheck
# By number, so that Kubernetes can check runAsNonRoot.
USER 10001:10001
# judged.toml is looked for here, and SQLite's file is put here.
WORKDIR /var/lib/judged
EXPOSE 4327 4328 8080
ENTRYPOINT ["judged"]
CMD ["run"]
