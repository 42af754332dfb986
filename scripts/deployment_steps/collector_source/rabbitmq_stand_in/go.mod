module judged.local/rabbitmqstandin

go 1.26

require (
	github.com/rabbitmq/amqp091-go v1.16.0
	go.opentelemetry.io/collector/component v1.67.0
	go.opentelemetry.io/collector/config/configretry v1.67.0
	go.opentelemetry.io/collector/exporter v1.67.0
	go.opentelemetry.io/collector/exporter/exporterhelper v0.161.0
	go.opentelemetry.io/collector/pdata v1.67.0
)
