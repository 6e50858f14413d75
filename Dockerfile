# Built in two stages: the first has make, the second only what runs. `.ci/dockerfile` runs these
# steps in a clean folder where no container engine is at hand.
FROM python:3.13-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends make gcc libc6-dev
WORKDIR /src
COPY . .
RUN make install PREFIX=/opt/dnsbl
# Set-up goes on without a compiler; an image that answers in pure Python is not what is wanted.
RUN /opt/dnsbl/bin/python -P -c "from dnsbl.zone.twin import COMPILED, MISSING; assert COMPILED, MISSING"

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10053 --home-dir /var/lib/dnsbl --create-home --key HOME_MODE=0700 dnsbl
COPY --from=build /opt/dnsbl /opt/dnsbl
COPY packaging/container.toml /etc/dnsbl/dnsbl.toml
COPY zones /etc/dnsbl/zones
ENV DNSBL_CONFIG=/etc/dnsbl/dnsbl.toml PATH=/opt/dnsbl/bin:$PATH PYTHONUNBUFFERED=1
USER dnsbl
VOLUME /var/lib/dnsbl
EXPOSE 5300/udp 5300/tcp 8053/tcp
# Whether DNS and the portal answer at all; the words are those of CMD ("dns" or "portal" alone).
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["dnsbl", "check", "--alive", "serve"]
ENTRYPOINT ["dnsbl"]
CMD ["serve"]
