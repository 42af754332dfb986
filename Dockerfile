# syntax=docker/dockerfile:1
# `scripts/release image` puts a folder with the released program in the place of this stage.
#
#   docker build -t judged:local .
#   docker run -d --name judged -v judged:/var/lib/judged -e JUDGED_WEB_TOKEN=choose-one \
#     -p 127.0.0.1:4327:4327 -p 127.0.0.1:4328:4328 -p 127.0.0.1:8080:8080 judged:local
FROM rust:1.94-bookworm AS build
WORKDIR /src
COPY . .
# The profile of releases, which builds longer and reads spans faster. The caches are no part of the layer, so the program is
# copied out of them.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --profile dist --locked --features kafka-vendored && cp target/dist/judged /judged

# Not distroless: the health check needs a shell. The release must be the builder's, for its glibc.
FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="judged" \
      org.opencontainers.image.description="Judges LLM spans next to an OpenTelemetry Collector" \
      org.opencontainers.image.licenses="Apache-2.0"
# TLS to judges, sinks and the broker trusts the system's certificates.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/judged --create-home judged
COPY --from=build /judged /usr/local/bin/judged
COPY deploy/healthcheck.sh /usr/local/bin/healthcheck
COPY deploy/container.toml /etc/judged/judged.toml
# By number, so that Kubernetes can check runAsNonRoot.
USER 10001:10001
# SQLite's file and what `report` writes are put here.
WORKDIR /var/lib/judged
EXPOSE 4327 4328 8080
# For the process with the pages. Kubernetes ignores it and has probes of its own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=6 CMD ["healthcheck"]
ENTRYPOINT ["judged"]
CMD ["run", "--config", "/etc/judged/judged.toml"]
