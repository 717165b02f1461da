FROM python:3.12-slim AS build
COPY . /src
RUN pip wheel --no-cache-dir --wheel-dir /wheels --constraint /src/.ci/constraints.txt /src

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels lakemesh
# The embedded Postgres refuses root and runs as this user; the volume below belongs to it.
RUN useradd --uid 1000 --create-home lakemesh && install -d -o lakemesh -g lakemesh -m 0700 /data
USER lakemesh
WORKDIR /home/lakemesh
ENV HOST=0.0.0.0 PORT=8000 DATA_DIR=/data
VOLUME /data
EXPOSE 8000
# The stop signal drains requests for up to 25 seconds: stop with `docker stop --time 40`.
ENTRYPOINT ["lakemesh"]
CMD ["serve"]
