# One image runs every service: `h2market serve`, `h2market serve exchange`, ...
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /src
RUN python -m venv /opt/h2market && python -m venv /opt/build
# The locks come first: their layers are built again only when a lock changes.
COPY requirements.lock requirements-build.lock ./
RUN /opt/h2market/bin/pip install --require-hashes --only-binary :all: -r requirements.lock \
    && /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements-build.lock
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /dist . \
    && /opt/h2market/bin/pip install --no-deps --no-index /dist/*.whl \
    && /opt/h2market/bin/python -m compileall -q /opt/h2market/lib

FROM ${PYTHON_IMAGE}
RUN groupadd --system --gid 10001 h2market \
    && useradd --system --uid 10001 --gid h2market --no-create-home --shell /usr/sbin/nologin h2market \
    && install -d -o h2market -g h2market /var/lib/h2market
COPY --from=build /opt/h2market /opt/h2market
ENV PATH=/opt/h2market/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATABASE_URL=sqlite:////var/lib/h2market/h2market.db
USER h2market
WORKDIR /var/lib/h2market
VOLUME /var/lib/h2market
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ["python", "-c", \
    "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/live', timeout=2).read()"]
ENTRYPOINT ["h2market"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
